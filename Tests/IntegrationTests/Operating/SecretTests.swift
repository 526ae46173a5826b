import Foundation
import NIOPosix
import Redis
import TestSupport
import Testing

/// Secrets are placed wherever an operator may put one, and searched for in every output.
@Suite("Secrets", .needs(.redisServer, .curl, .openssl))
struct SecretTests {
    /// None is part of another, or of anything else that is printed.
    private enum Canary {
        static let password = "canary-of-the-password-4711"
        static let passwordInFile = "canary-in-the-file-4712"
        static let token = "canary-of-the-web-token-4713"
        static let all = [password, passwordInFile, token]
    }

    @Test("a running relay shows none: logs, command line, environment, metrics, captures, its answers")
    func running() async throws {
        try await RedisServer.with(["--requirepass", Canary.password]) { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let certificate = try await Certificate.make(in: folder, name: "relay")
                let key = try String(contentsOfFile: certificate.key, encoding: .utf8).split(separator: "\n")[1]
                try Data(Canary.token.utf8).write(to: URL(filePath: folder + "/token"))
                let environment = ["BACKPLANE_RELAY_REDIS": "127.0.0.1:\(redis.port),password=\(Canary.password)"]
                let arguments = [
                    "--channel", "chat", "--record", directory, "--compression", "none", "--log-level", "trace",
                    "--web-token-file", folder + "/token", "--tls-cert", certificate.certificate, "--tls-key",
                    certificate.key,
                ]
                try await RelayProcess.with(arguments, environment: environment, waitsUntilReady: false) { relay in
                    let connect = [
                        "--silent", "--insecure", "--header", "Authorization: Bearer \(Canary.token)",
                        "https://127.0.0.1:\(relay.port)",
                    ]
                    func get(_ path: String) async throws -> String {
                        try await Finished.running(.curl, connect.dropLast() + [connect[connect.count - 1] + path])
                            .output
                    }
                    try await eventually("ready") { try await get("/-/ready") == "ready\n" ? true : nil }
                    relay.child.signal(SIGUSR1)
                    // Losses of the subscription are logged.
                    let client = try await RedisClient.connect(
                        to: RedisConfiguration(connectionString: "127.0.0.1:\(redis.port),password=\(Canary.password)"),
                        eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
                    try await client.send(["CONFIG", "SET", "requirepass", "another"])
                    try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
                    await client.close()
                    try await eventually("the refused login is logged") {
                        relay.child.errors.contains("refused the login") ? true : nil
                    }
                    let process = "/proc/\(relay.child.processIdentifier)"
                    var places = [
                        "the command line": try Self.contents(process + "/cmdline"),
                        "the environment": try Self.contents(process + "/environ"),
                    ]
                    #expect(places["the environment"]?.contains("BACKPLANE_RELAY_REDIS=127.0.0.1") == true)
                    for path in ["/metrics", "/", "/-/ready", "/nothing"] { places[path] = try await get(path) }
                    #expect(places["/metrics"]?.contains("signalr_backplane_up") == true)
                    #expect(try await relay.stop() == .code(0))
                    places["the log"] = relay.child.errors + relay.child.output
                    for file in try CaptureFiles.paths(in: directory) { places[file] = try Self.contents(file) }
                    #expect(places.keys.contains { $0.hasSuffix(".mcap") })
                    for (place, text) in places {
                        for canary in Canary.all + [String(key)] { #expect(!text.contains(canary), "\(place)") }
                    }
                }
            }
        }
    }

    /// In every notation, valid and invalid. `*` stands for the canary.
    private static func addresses(_ server: String) -> [String] {
        [
            "redis://user:*@\(server)", "rediss://user:*@\(server)", "\(server),password=*", "\(server),password =*",
            "\(server),Password=*", "\(server),pwd=*", "\(server);password=*", "\(server) password=*",
            "\(server),user=user,password=*,unknownOption=*", "\(server),user=user;password=*",
            "redis://user:*@\(server)/notANumber", "redis://user:*@", "redis://*@\(server)",
            "\(server),password=*,defaultDatabase=*", "nosuchscheme://user:*@\(server)", "redi://user:*@\(server)",
            "redis://\(server),password=*", "redis://\(server)?password=*", "password=*,\(server)",
            "\(server),password=*,ssl=*", "unix://user:*@/nonexistent/redis.sock",
            "unix:///nonexistent/redis.sock,password=*",
            "!/nonexistent/redis.sock,password=*", "redis+sentinel://user:*@\(server)/mymaster",
            "\(server),serviceName=mymaster,password=*,sentinelPassword=*", "\"\(server),password=*\"",
        ]
    }

    /// If split at a comma, each of these leaves a part in a position with another meaning.
    private static let passwords = [
        "CanaryA4711", "ab,CanaryB4711", "ab,CanaryC4711=", "ab;CanaryD4711", "ab,CanaryE=4711,CanaryF",
        "a b CanaryG4711",
        "\"a,CanaryH4711\"", "a%CanaryI4711", "ab, CanaryJ4711;x=CanaryK", "ab,CanaryL4711@x", "a'CanaryM,CanaryN",
        "ab,CanaryO:4711",
    ]

    @Test(
        "no command's errors show them, for any notation and any separator in a password",
        arguments: ["run", "replay"])
    func errors(command: String) async throws {
        let server = "127.0.0.1:\(try FreePort.find())"
        for (index, address) in Self.addresses(server).enumerated() {
            // Each address with some of the passwords, and every password with some address: the parser's own test has
            // more.
            for shift in 0..<(command == "run" ? 3 : 1) {
                let password = Self.passwords[(index * 5 + shift) % Self.passwords.count]
                let filled = address.replacingOccurrences(of: "*", with: password)
                let arguments =
                    command == "replay"
                    ? ["replay", "/nonexistent", "--to", filled]
                    : [
                        command, "--check-only", "--redis", filled, "--channel", "chat", "--listen", "127.0.0.1:0",
                        "--log-level", "trace",
                    ]
                let run = try await Finished.relay(arguments)
                #expect(run.exit != .code(0), "\(filled)")
                #expect(!(run.output + run.errors).contains("Canary"), "\(filled):\n\(run.output)\(run.errors)")
            }
        }
    }

    @Test("a password split at blanks by the shell is not shown as an unexpected argument")
    func cutByTheShell() async throws {
        for address in ["127.0.0.1:1,password=a", "redis://user:a@b"] {
            let run = try await Finished.relay(["run", "--redis", address, "CanaryP", "CanaryQ", "--channel", "chat"])
            #expect(run.exit == .code(64))
            #expect(run.errors.contains("quote the address"), "\(run.errors)")
            #expect(!(run.output + run.errors).contains("Canary"), "\(run.errors)")
        }
    }

    @Test("a refused login shows none", arguments: ["hub", "check"])
    func refusedLogin(command: String) async throws {
        try await RedisServer.with(["--requirepass", "another"]) { redis in
            for address in [
                "redis://user:\(Canary.password)@127.0.0.1:\(redis.port)",
                "127.0.0.1:\(redis.port),password=a,Canary=,\(Canary.token)=x",
            ] {
                let run = try await Finished.relay([
                    command, "--redis", address, "--channel", "chat", "--listen", "127.0.0.1:0",
                ])
                #expect(run.exit != .code(0))
                for canary in Canary.all { #expect(!(run.output + run.errors).contains(canary), "\(run.errors)") }
            }
        }
    }

    @Test("no core file: the kernel shows the process to root only")
    func coreDumps() async throws {
        guard getuid() == 0 else { return }
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                // Another process of this user, for comparison.
                let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"]
                let other = try await ChildProcess.start(
                    "/usr/bin/setpriv", nobody + ["/bin/sleep", "60"], folder: folder)
                let relay = try await ChildProcess.start(
                    "/usr/bin/setpriv",
                    nobody + [
                        RelayProcess.path(), "run", "--redis", redis.url, "--channel", "chat", "--listen",
                        "127.0.0.1:0",
                    ], folder: folder)
                do {
                    try await eventually("the relay listens") { relay.errors.contains("/metrics") ? true : nil }
                    try await eventually("sleep sleeps") { try Self.owner(other) == 65534 ? true : nil }
                    #expect(try Self.owner(relay) == 0)
                } catch {
                    await relay.terminate()
                    await other.terminate()
                    throw TestFailure("\(error)\n\(relay.errors)")
                }
                await relay.terminate()
                await other.terminate()
            }
        }
    }

    /// The owner of its directory in /proc: root if core dumps are disabled.
    private static func owner(_ process: ChildProcess) throws -> Int {
        let path = "/proc/\(process.processIdentifier)/environ"
        return try FileManager.default.attributesOfItem(atPath: path)[.ownerAccountID] as? Int ?? -1
    }

    private static func contents(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    }
}
