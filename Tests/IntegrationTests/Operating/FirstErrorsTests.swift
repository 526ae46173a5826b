import Foundation
import Redis
import TestSupport
import Testing

/// The errors that a new user meets first, from real servers: sentences without terms of the libraries.
@Suite("First errors", .needs(.redisServer))
struct FirstErrorsTests {
    private static let libraryWords = [
        "SingleConnectionFailure", "NIOConnectionError", "descriptor", "errno", "SocketAddressError", "error set",
        "handshakeFailed", "BoringSSL", "reply type byte",
    ]

    private static func check(_ address: String, _ sentence: String) async throws {
        let check = try await Finished.relay([
            "run", "--check-only", "--redis", address, "--channel", "chat", "--listen", "127.0.0.1:0",
        ])
        #expect(check.exit == .code(1), "\(address)")
        let said = check.output + check.errors
        #expect(said.contains("problem       " + sentence), "\(address): \(said)")
        for word in libraryWords { #expect(!said.contains(word), "\(word) in \(said)") }
    }

    @Test("no server: refused, unknown host, no socket")
    func absent() async throws {
        let port = try FreePort.find()
        try await Self.check(
            "127.0.0.1:\(port)",
            "Redis at 127.0.0.1:\(port) refused the connection: is it running, and is this its port?")
        try await Self.check(
            "redis://nowhere.invalid:1", "the host name of Redis at nowhere.invalid:1 does not resolve:")
        try await Self.check("unix:///nonexistent/redis.sock", "there is no socket unix:/nonexistent/redis.sock:")
    }

    @Test("a wrong server: no TLS, not Redis, another password, no password")
    func wrongServer() async throws {
        try await RedisServer.with { redis in
            try await Self.check(
                "127.0.0.1:\(redis.port),ssl=true,syncTimeout=1000",
                "no TLS connection to Redis at 127.0.0.1:\(redis.port): ")
            try await Self.check(
                "127.0.0.1:\(redis.port),password=x",
                "Redis at 127.0.0.1:\(redis.port) has no password, but one is given:")
            try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                try await Self.check(
                    "127.0.0.1:\(relay.port)",
                    "the server at 127.0.0.1:\(relay.port) is not Redis: it answers like a web server;")
            }
        }
        try await RedisServer.with(["--requirepass", "another"]) { redis in
            try await Self.check(
                "127.0.0.1:\(redis.port),password=x", "Redis at 127.0.0.1:\(redis.port) refused the login: WRONGPASS")
            try await Self.check(
                "127.0.0.1:\(redis.port)",
                "Redis at 127.0.0.1:\(redis.port) requires a password (NOAUTH) and none is given;")
        }
    }

    @Test("an unusable listen address", arguments: ["run", "hub"])
    func listening(command: String) async throws {
        try await RedisServer.with { redis in
            for (listen, words) in [
                ("127.0.0.1:\(redis.port)", "is in use by another process"), ("nowhere.invalid:1", "host"),
            ] {
                let run = try await Finished.relay([
                    command, "--redis", redis.url, "--channel", "chat", "--listen", listen,
                ])
                #expect(run.exit == .code(1))
                #expect(run.errors.contains(words) && run.errors.contains("--listen"), "\(run.errors)")
                for word in Self.libraryWords { #expect(!run.errors.contains(word), "\(run.errors)") }
            }
        }
    }
}
