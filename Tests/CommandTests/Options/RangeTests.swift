import ArgumentParser
import Testing

@testable import backplane_relay

/// Errors of options name both ends of the range.
@Suite struct RangeTests {
    private static let redis = ["--redis", "redis://127.0.0.1:1"]

    @Test(
        arguments: [
            (
                ["run", "--channel", "c", "--buffer", "1"] + redis,
                "--buffer: 1 byte holds too few envelopes; 1MiB or more"
            ),
            (["tail", "--channel", "c", "--buffer", "1KiB"] + redis, "1MiB or more"),
            (["tail", "--channel", "c", "--limit", "0"] + redis, "1 or more"),
            (["cat", "x", "--limit", "0"], "1 or more"),
            (["run", "--channel", "c", "--record", "d", "--segment-size", "1KiB"] + redis, "64KiB or more"),
            (["run", "--channel", "c", "--record", "d", "--segment-duration", "1ms"] + redis, "from 100ms to"),
            (["run", "--channel", "c", "--forward", "redis://h", "--forward-buffer", "1B"] + redis, "1MiB or more"),
            (["replay", "x", "--to", "redis://h", "--speed", "0"], "from 0.001 to 1000, or max"),
            (["replay", "x", "--to", "redis://h", "--speed=-1"], "from 0.001 to 1000, or max"),
            (["replay", "x", "--to", "redis://h", "--speed", "1e9"], "from 0.001 to 1000, or max"),
            (["replay", "x", "--to", "redis://h", "--rate", "0"], "from 0.001 to 10000000"),
            (["replay", "x", "--to", "redis://h", "--loop", "0"], "from 1 to 1000000, or forever"),
            (["replay", "x", "--to", "redis://h", "--limit", "0"], "1 or more"),
            (["demo", "--speed", "0"], "from 0.001 to 1000, or max"),
            (["demo", "--duration", "2h"], "from 100ms to 1h"),
            (["cat", "x", "--sample", "0"], "above 0 and up to 100"),
            (["hub", "--channel", "c", "--max-connections", "0"] + redis, "from 1 to 1000000"),
            (["hub", "--channel", "c", "--store-size", "1"] + redis, "64KiB or more"),
            (["check", "--channel", "c", "--interval", "1ms"] + redis, "from 1s to"),
            (["run", "--channel", "c", "--markers", "500ms"] + redis, "--markers"),
            (["run", "--channel", "c", "--markers", "500ms"] + redis, "from 1s to"),
            (["run", "--channel", "c", "--markers", "5s", "--tap=prefer"] + redis, "only without --tap"),
            (["check", "--core", "--ping", "--core-hub", "H", "--ping-count", "0"] + redis, "from 1 to 100"),
            (["check", "--core", "--ping", "--core-hub", "H", "--ping-connections", "101"] + redis, "from 1 to 100"),
        ])
    func whatIsOutsideIsToldTheRange(_ arguments: [String], _ range: String) {
        do {
            _ = try BackplaneRelay.parseAsRoot(arguments)
            Issue.record("accepted: \(arguments)")
        } catch {
            #expect(BackplaneRelay.exitCode(for: error).rawValue == 64)
            #expect(BackplaneRelay.message(for: error).contains(range), "\(BackplaneRelay.message(for: error))")
        }
    }

    @Test(arguments: [
        ["run", "--channel", "c", "--buffer", "1MiB"] + redis, ["cat", "x", "--limit", "1"],
        ["run", "--channel", "c", "--record", "d", "--segment-size", "64KiB"] + redis,
        ["run", "--channel", "c", "--markers", "1s"] + redis,
        ["replay", "x", "--to", "redis://h", "--speed", "0.001"],
        ["replay", "x", "--to", "redis://h", "--speed", "1000x"],
        ["replay", "x", "--to", "redis://h", "--speed", "max"],
        ["replay", "x", "--to", "redis://h", "--loop", "forever"],
    ])
    func whatIsInsideIsTaken(_ arguments: [String]) throws {
        _ = try BackplaneRelay.parseAsRoot(arguments)
    }
}
