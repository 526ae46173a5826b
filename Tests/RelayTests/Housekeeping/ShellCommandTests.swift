import Foundation
import Testing

@testable import Relay

@Suite struct ShellCommandTests {
    private static func run(_ command: String, timeout: Duration = .seconds(20)) async -> ShellCommand.Outcome {
        await ShellCommand(command, timeout: timeout).run()
    }

    @Test func zeroIsSuccess() async {
        #expect(await Self.run("exit 0") == ShellCommand.Outcome(succeeded: true, description: "done"))
    }

    @Test func aFailureSaysItsLastLine() async {
        #expect(await Self.run("echo one >&2; echo two >&2; exit 7").description == "exit status 7: two")
        #expect(await Self.run("kill -9 $$").description == "signal 9")
        // More than a pipe holds: whoever does not read it waits for ever.
        #expect(
            await Self.run("head -c 1000000 /dev/zero | tr '\\0' 'x' >&2; echo >&2; echo end >&2; exit 1").description
                == "exit status 1: end")
    }

    @Test func aTimeoutKillsTheWholeGroup() async throws {
        let file = NSTemporaryDirectory() + "/shell-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: file) }
        let started = ContinuousClock.now
        let outcome = await Self.run("sleep 600 & echo $! > '\(file)'; wait", timeout: .seconds(2))
        #expect(!outcome.succeeded && outcome.description.hasPrefix("timeout"))
        #expect(ContinuousClock.now - started < .seconds(20))
        let child = try #require(
            pid_t(String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)))
        // Gone, or a zombie that nobody has waited for yet.
        let state = (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8))?.split(separator: ")").last
        #expect(state == nil || state?.hasPrefix(" Z") == true)
    }

    @Test func secretsOfTheRelayAreNotHandedOn() async {
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
