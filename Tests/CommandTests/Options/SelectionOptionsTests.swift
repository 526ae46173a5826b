import ArgumentParser
import Backplane
import Capture
import Testing

@testable import backplane_relay

@Suite struct SelectionOptionsTests {
    static let values: [(arguments: [String], from: TimePoint?, until: TimePoint?)] = [
        ([], nil, nil),
        (["--from", "2026-11-22T21:58:00Z"], .at(1_795_384_680_000_000_000), nil),
        (["--from", "2026-11-22T22:58:00.5+01:00"], .at(1_795_384_680_500_000_000), nil),
        (["--from", "-15m"], .beforeEnd(900_000_000_000), nil),
        (["--from=-15m", "--until=+30s"], .beforeEnd(900_000_000_000), .afterStart(30_000_000_000)),
        (["--until", "+200ms"], nil, .afterStart(200_000_000)),
        (["--until", "-1.5h"], nil, .beforeEnd(5_400_000_000_000)),
    ]

    @Test(arguments: values) func timesAreRead(_ arguments: [String], _ from: TimePoint?, _ until: TimePoint?) throws {
        let options = try SelectionOptions.parse(arguments)
        #expect(options.from == from)
        #expect(options.until == until)
    }

    @Test func otherOptionsAreCombined() throws {
        let options = try SelectionOptions.parse([
            "--from-id", "3", "--until-id", "9", "--hub", "a", "--hub", "b", "--method", "m", "--signal", "hg-*",
            "--kind", "group", "--kind", "Persistent_Connection", "--source", "s", "--grep", "x y", "--sample", "2.5%",
        ])
        #expect(
            options.envelopes.selection
                == CaptureSelection(
                    fromID: 3, untilID: 9, hubs: ["a", "b"], methods: ["m"], signals: ["hg-*"],
                    kinds: [.group, .persistentConnection], sources: ["s"], texts: ["x y"], samplePercent: 2.5))
        #expect(try SelectionOptions.parse(["--sample", "100"]).envelopes.sample == 100)
    }

    /// Errors name the invalid value and a valid one.
    @Test(arguments: [
        (["--from", "yesterday"], "'yesterday'", "-15m"),
        (["--until", "-15"], "'-15'", "+30s"),
        (["--until", "+0s"], "'+0s'", "2026-11-22T21:58:00Z"),
        (["--from-id", "x"], "'x'", "'cat' shows it"),
        (["--from-id", "5", "--until-id", "4"], "4 is below", "--from-id 5"),
        (["--kind", "hubs"], "'hubs'", "hub, client, group"),
        (["--sample", "101%"], "'101%'", "10%"),
        (["--sample", "nan"], "'nan'", "10%"),
        (["--grep", ""], "--grep", "leave the option out"),
    ])
    func whatIsWrongIsNamedWithItsRemedy(_ arguments: [String], _ value: String, _ remedy: String) {
        do {
            _ = try SelectionOptions.parse(arguments)
            Issue.record("accepted: \(arguments)")
        } catch {
            let message = SelectionOptions.message(for: error)
            #expect(message.contains(value) && message.contains(remedy), "\(message)")
        }
    }
}
