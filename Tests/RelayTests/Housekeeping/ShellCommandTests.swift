import Foundation
import TestSupport
import Testing

@testable import Relay

/// With real shells and real time, provided by `Tests/run`.
@Suite struct ShellCommandTests {
    private static func run(_ command: String, timeout: Duration = .seconds(20)) async -> ShellCommand.Outcome {
        await ShellCommand(command, timeout: timeout).run()
    }

    @Test func zeroIsSuccess() async {
        #expect(await Self.run("exit 0") == ShellCommand.Outcome(succeeded: true, description: "done"))
    }

    @Test func aFailureReportsItsLastLine() async {
        #expect(await Self.run("echo one >&2; echo two >&2; exit 7").description == "exit status 7: two")
        #expect(await Self.run("kill -9 $$").description == "signal 9")
        // More than a pipe buffers: without a reader the command would wait forever.
        #expect(
            await Self.run("head -c 1000000 /dev/zero | tr '\\0' 'x' >&2; echo >&2; echo end >&2; exit 1").description
                == "exit status 1: end")
    }

    @Test func aTimeoutKillsTheWholeGroup() async throws {
        let file = NSTemporaryDirectory() + "/shell-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: file) }
        // A slow shell may be killed before it has reported its child.
        var child: pid_t? {
            (try? String(contentsOfFile: file, encoding: .utf8)).flatMap {
                pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
        for timeout in [2, 4, 8] where child == nil {
            let started = ContinuousClock.now
            let outcome = await Self.run("sleep 600 & echo $! > '\(file)'; wait", timeout: .seconds(timeout))
            #expect(!outcome.succeeded && outcome.description.hasPrefix("timeout"))
            #expect(ContinuousClock.now - started < .seconds(20))
        }
        let started = try #require(child)
        // Gone, or a zombie that was not reaped yet.
        try await eventually("it has ended") {
            let state = (try? String(contentsOfFile: "/proc/\(started)/stat", encoding: .utf8))?.split(separator: ")")
                .last
            return state == nil || state?.hasPrefix(" Z") == true ? true : nil
        }
    }

    /// A real shell receives the value of `%p` as one word and executes no part of it.
    @Test(arguments: ["printf %%s %p", "printf %%s '%p'", #"printf %%s "%p""#])
    func aShellTakesAValueAsOneWord(_ template: String) async throws {
        let folder = NSTemporaryDirectory() + "/archive-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let hostile = #"/a b/$(touch \#(folder)/x);'"`touch \#(folder)/y`\*"#
        let command = try ArchiveCommand(template).expanded(path: hostile, name: "f") + " > \(folder)/out"
        #expect(await Self.run(command).succeeded)
        #expect(try String(contentsOfFile: folder + "/out", encoding: .utf8) == hostile)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["out"])
    }

    @Test func secretsOfTheRelayAreNotPassedOn() async {
        await #expect(processExitsWith: .success) {
            setenv("BACKPLANE_RELAY_REDIS", "canary", 1)
            setenv("PLAIN_VARIABLE", "plain", 1)
            let outcome = await ShellCommand(
                #"env | grep -q BACKPLANE_RELAY_ && exit 3; test "$PLAIN_VARIABLE" = plain"#, timeout: .seconds(20)
            ).run()
            #expect(outcome.succeeded, "\(outcome.description)")
        }
    }
}
