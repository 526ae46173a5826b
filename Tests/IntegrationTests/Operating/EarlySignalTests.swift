import Foundation
import TestSupport
import Testing

/// A command stopped before it is ready, or at any other time.
@Suite("Signals at any time", .serialized, .needs(.redisServer))
struct EarlySignalTests {
    /// Demo and bench exit before that if their graceful stop takes too long.
    private static let bound = Duration.seconds(9)

    @Test(
        "it ends within its bound, and leaves no process and no file",
        arguments: [
            (["demo", "--duration", "1s"], 2_500, 12), (["bench", "--seconds", "0.5", "--max-rate", "1000"], 2_500, 6),
            (["bench", "--seconds", "60", "--max-rate", "1000"], 5_000, 3), (["run"], 600, 8), (["hub"], 600, 8),
            (["check"], 1_500, 6), (["check", "--interval", "1s"], 1_500, 6),
            (["tail"], 600, 6),
        ])
    func ends(_ arguments: [String], within milliseconds: Int, times: Int) async throws {
        var random = SplitMix64.announced()
        try await RedisServer.with { redis in
            for _ in 0..<times {
                let moment = Int.random(in: 0...milliseconds, using: &random)
                let number = [SIGINT, SIGTERM].randomElement(using: &random) ?? SIGINT
                try await stop(arguments, at: .milliseconds(moment), by: number, redis)
            }
        }
    }

    @Test("a demo that ends by itself leaves nothing either")
    func demo() async throws {
        try await TemporaryDirectory.with { folder in
            let mark = UUID().uuidString
            let demo = try await Finished.relay(
                ["demo", "--duration", "500ms"], environment: ["TMPDIR": folder, "BACKPLANE_TEST_MARK": mark])
            #expect(demo.exit == .code(0), "\(demo.output)\(demo.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
            #expect(Self.processes(with: "BACKPLANE_TEST_MARK=\(mark)").isEmpty)
        }
    }

    private func stop(_ arguments: [String], at moment: Duration, by number: Int32, _ redis: RedisServer) async throws {
        try await TemporaryDirectory.with { folder in
            let files = folder + "/files"
            try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: false)
            var arguments = arguments
            switch arguments[0] {
            case "demo": break
            case "bench": arguments += ["--record", files]
            case "run": arguments += ["--redis", redis.url, "--channel", "chat", "--listen", "127.0.0.1:0"]
            case "check":
                arguments += ["--redis", redis.url, "--channel", "chat"]
                if arguments.contains("--interval") { arguments += ["--listen", "127.0.0.1:0"] }
            case "hub": arguments += ["--redis", redis.url, "--channel", "chat", "--listen", "127.0.0.1:0"]
            default: arguments += ["--redis", redis.url, "--channel", "chat"]
            }
            // Inherited by everything that it starts.
            let mark = "BACKPLANE_TEST_MARK=\(UUID().uuidString)"
            let child = try await ChildProcess.start(
                RelayProcess.path(), arguments,
                environment: ["TMPDIR": files, "BACKPLANE_TEST_MARK": String(mark.split(separator: "=")[1])],
                folder: folder)
            try await Task.sleep(for: moment)
            child.signal(number)
            let what = "\(arguments.joined(separator: " ")), \(number) after \(moment)"
            let exit: ChildProcess.Exit
            do {
                exit = try await child.exit(within: Self.bound)
            } catch {
                throw TestFailure("\(what): \(error)\n\(child.output)\n\(child.errors)")
            }
            // 130 for demo and bench, which stop half-way; 0 for services, and for a command that had already ended.
            #expect(
                [.code(0), .code(130), .signal(number)].contains(exit),
                "\(what): \(exit)\n\(child.output)\(child.errors)")
            #expect(!child.errors.contains("gives up"), "\(what): \(child.errors)")
            try await eventually("\(what): no process is left", within: .seconds(2)) {
                Self.processes(with: mark).isEmpty ? true : nil
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: files)
            // If killed by the signal, it had not created any yet.
            #expect(left.isEmpty, "\(what): \(left)")
        }
    }

    private static func processes(with mark: String) -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.filter { process in
            guard process.allSatisfy(\.isNumber) else { return false }
            let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ") ?? Data()
            return environment.split(separator: 0).contains { $0.elementsEqual(mark.utf8) }
        }
    }
}
