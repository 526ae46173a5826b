import Foundation
import NIOCore
import Redis
import TLS
import TestSupport
import Testing

/// TLS with a real redis-server and test certificates.
@Suite(.needs(.redisServer), .timeLimit(.minutes(1)), .serialized)
struct TLSTests {
    private func withServer(
        _ certificates: Certificates, _ name: String, demandsClientCertificate: Bool = false,
        _ body: (RedisServer, RedisConfiguration) async throws -> Void
    ) async throws {
        let port = try FreePort.find()
        let arguments = certificates.serverArguments(
            name, port: port, demandsClientCertificate: demandsClientCertificate)
        try await RedisServer.with(arguments) { server in
            try await body(
                server,
                RedisConfiguration(
                    host: "localhost", port: port, tls: RedisTLS(caFile: certificates.path("ca.crt"))))
        }
    }

    @Test func envelopesArriveOverTLS() async throws {
        try await Certificates.with { certificates in
            try certificates.make("redis")
            try await withServer(certificates, "redis") { server, configuration in
                try await Attaching.subscriber(configuration) { events in
                    let subscription = try await events.nextSubscription()
                    #expect(subscription.server?.role == "master")
                    #expect(subscription.connectionID != nil)
                    let count = 5_000
                    var bytes = ByteBuffer()
                    let large = String(repeating: "x", count: 100_000)
                    for number in 0..<count { RESPEncoder.encode(["PUBLISH", "chat", "\(number) x"], into: &bytes) }
                    RESPEncoder.encode(["PUBLISH", "chat", .text(large)], into: &bytes)
                    // The client publishes by TLS too.
                    try await Attaching.client(configuration) { client in
                        client.pipeline(bytes, count: count + 1) { _ in }
                        for number in 0..<count {
                            let event = try await events.next()
                            try #require(event == .envelope(ReceivedEnvelope(0, "\(number) x")))
                        }
                        let event = try await events.next()
                        #expect(event == .envelope(ReceivedEnvelope(0, large)))
                    }
                    await server.stop()
                    let end = try await events.next()
                    guard case .disconnected = end else {
                        Issue.record("the end of the server was not detected: \(end)")
                        return
                    }
                }
            }
        }
    }

    @Test func addressIsComparedInsteadOfAName() async throws {
        try await Certificates.with { certificates in
            try certificates.make("redis")
            try await withServer(certificates, "redis") { _, configuration in
                var byAddress = configuration
                byAddress.servers = [.tcp(host: "127.0.0.1", port: port(of: configuration))]
                try await Attaching.subscriber(byAddress) { events in _ = try await events.nextSubscription() }
            }
        }
    }

    @Test func untrustedServerIsRefused() async throws {
        try await Certificates.with { certificates in
            try certificates.makeAuthority("other")
            try certificates.make("redis", by: "other")
            try await withServer(certificates, "redis") { _, configuration in
                let expected = RedisError.tls(endpoint: configuration.endpoint, .unknownAuthority)
                #expect(try await Attaching.failure(of: configuration) == expected)
                #expect(await Attaching.refusal(of: configuration) == expected)
                var system = configuration
                system.tls?.caFile = nil
                #expect(try await Attaching.failure(of: system) == expected)

                var insecure = configuration
                insecure.tls?.verifiesServer = false
                try await Attaching.subscriber(insecure) { events in _ = try await events.nextSubscription() }
            }
        }
    }

    @Test func certificateOfAnotherHostIsRefused() async throws {
        try await Certificates.with { certificates in
            try certificates.make("redis", for: "DNS:cache.example")
            try await withServer(certificates, "redis") { _, configuration in
                let expected = RedisError.tls(
                    endpoint: configuration.endpoint, .wrongHost(expected: "localhost"))
                #expect(try await Attaching.failure(of: configuration) == expected)
                #expect(await Attaching.refusal(of: configuration) == expected)

                var named = configuration
                named.tls?.serverName = "cache.example"
                try await Attaching.subscriber(named) { events in _ = try await events.nextSubscription() }
            }
        }
    }

    @Test func expiredCertificateIsRefusedUntilItIsRenewed() async throws {
        try await Certificates.with { certificates in
            try certificates.make("redis", lifetime: .expired)
            try await withServer(certificates, "redis") { server, configuration in
                // 2020-01-06
                let expected = RedisError.tls(endpoint: configuration.endpoint, .expired(1_578_268_800))
                #expect(try await Attaching.failure(of: configuration) == expected)

                try certificates.make("redis")
                try await Attaching.client(server.configuration) { client in
                    try await client.send([
                        "CONFIG", "SET", "tls-cert-file", .text(certificates.path("redis.crt")),
                        "tls-key-file", .text(certificates.path("redis.key")),
                    ])
                }
                try await Attaching.subscriber(configuration) { events in _ = try await events.nextSubscription() }
            }
        }
    }

    /// The authority is replaced while the subscriber runs: its file is read again at the next connect.
    @Test func filesAreReadAgainAtEachConnect() async throws {
        try await Certificates.with { certificates in
            try certificates.make("redis")
            try await withServer(certificates, "redis") { server, configuration in
                let log = LogCollector()
                try await Attaching.subscriber(configuration, logger: log.logger) { events in
                    _ = try await events.nextSubscription()
                    try certificates.makeAuthority("next")
                    try certificates.make("redis", by: "next")
                    try await Attaching.client(server.configuration) { client in
                        try await client.send([
                            "CONFIG", "SET", "tls-cert-file", .text(certificates.path("redis.crt")),
                            "tls-key-file", .text(certificates.path("redis.key")),
                        ])
                        try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
                    }
                    let lost = try await events.next()
                    #expect(lost == .disconnected(.closedByServer))
                    for await message in log.messages where message.contains("not signed by a trusted authority") {
                        break
                    }
                    let file = FileManager.default
                    try file.removeItem(atPath: certificates.path("ca.crt"))
                    try file.moveItem(atPath: certificates.path("next.crt"), toPath: certificates.path("ca.crt"))
                    _ = try await events.nextSubscription()
                }
            }
        }
    }

    @Test func clientCertificate() async throws {
        try await Certificates.with { certificates in
            try certificates.make("redis")
            try certificates.make("client", for: "DNS:client")
            try certificates.makeAuthority("other")
            try certificates.make("stranger", for: "DNS:client", by: "other")
            try await withServer(certificates, "redis", demandsClientCertificate: true) { _, configuration in
                // The alert may be lost to the reset that follows it.
                let missing = try #require(await Attaching.refusal(of: configuration))
                #expect(missing.missing == [.clientCertificate], "\(missing)")

                var shown = configuration
                shown.tls?.certificateFile = certificates.path("client.crt")
                shown.tls?.keyFile = certificates.path("client.key")
                try await Attaching.subscriber(shown) { events in _ = try await events.nextSubscription() }
                #expect(await Attaching.refusal(of: shown) == nil)

                shown.tls?.certificateFile = certificates.path("stranger.crt")
                shown.tls?.keyFile = certificates.path("stranger.key")
                let refused = try #require(await Attaching.refusal(of: shown))
                #expect(refused.missing == [.clientCertificate], "\(refused)")
            }
        }
    }

    @Test func unusableFilesAreNamed() async throws {
        try await Certificates.with { certificates in
            try certificates.make("client")
            try certificates.make("other")
            try "nonsense".write(toFile: certificates.path("nonsense"), atomically: true, encoding: .utf8)
            let client = certificates.path("client.crt")
            let cases: [(RedisTLS, String)] = [
                (RedisTLS(caFile: "/nonexistent/ca.crt"), "'/nonexistent/ca.crt' cannot be used for TLS: No such file"),
                (RedisTLS(caFile: certificates.path("nonsense")), "no certificate in PEM form"),
                (RedisTLS(certificateFile: "/nonexistent/x"), "'/nonexistent/x'"),
                (RedisTLS(certificateFile: client), "no private key"),
                (RedisTLS(certificateFile: client, keyFile: certificates.path("other.key")), "not the key of"),
                (RedisTLS(certificateFile: client, keyFile: certificates.path("nonsense")), "no private key"),
            ]
            for (tls, words) in cases {
                // No server is needed: the files are read first.
                let failure = try await Attaching.failure(of: RedisConfiguration(host: "127.0.0.1", port: 1, tls: tls))
                #expect(failure.description.contains(words))
                #expect(!failure.isTransient)
            }
        }
    }

    @Test func plainAndTLSMismatchIsReported() async throws {
        try await Certificates.with { certificates in
            try certificates.make("redis")
            try await withServer(certificates, "redis") { server, configuration in
                let plainToTLS = try #require(
                    await Attaching.refusal(of: RedisConfiguration(host: "localhost", port: port(of: configuration))))
                #expect(plainToTLS.description.contains("rediss://"))

                var tlsToPlain = configuration
                tlsToPlain.servers = server.configuration.servers
                tlsToPlain.answerTimeoutMilliseconds = 300
                let refusal = try #require(await Attaching.refusal(of: tlsToPlain))
                #expect(refusal.description.contains("speak TLS"))
            }
        }
    }

    private func port(of configuration: RedisConfiguration) -> Int {
        if case .tcp(_, let port)? = configuration.servers.first { port } else { 0 }
    }
}
