import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TLS
import TestSupport
import Testing

@testable import Redis

/// The ways to connect to a server, and what prevents it, with real servers.
@Suite(.needs(.redisServer), .timeLimit(.minutes(1)), .serialized)
struct AttachTests {
    private func temporaryPath(_ name: String) -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\(UUID().uuidString.prefix(8))").path
    }

    @Test func unixSocket() async throws {
        let path = temporaryPath("redis.sock")
        try await RedisServer.with(["--unixsocket", path]) { server in
            let configuration = try RedisConfiguration(connectionString: "unix://\(path)?db=2")
            try await Attaching.subscriber(configuration) { events in
                let subscription = try await events.nextSubscription()
                #expect(subscription.endpoint == "unix:\(path)")
                #expect(try await Attaching.publish("1 a", to: configuration) == .integer(1))
                let event = try await events.next()
                #expect(event == .envelope(ReceivedEnvelope(0, "1 a")))
            }
        }
        let missing = RedisConfiguration(servers: [.unix(path: path)])
        let failure = try #require(await Attaching.refusal(of: missing))
        #expect(failure.description.contains(path))
        #expect(failure.isTransient)
    }

    @Test func theConnectionIsInTheClientList() async throws {
        try await RedisServer.with { server in
            try await Attaching.subscriber(server.configuration) { events in
                let id = try #require(try await events.nextSubscription().connectionID)
                let list = try await Attaching.client(server.configuration) { client in
                    try await client.send(["CLIENT", "LIST", "TYPE", "pubsub"])
                }
                #expect(list.text?.hasPrefix("id=\(id) ") == true)
            }
        }
    }

    // MARK: - Several servers

    @Test func firstMasterOfSeveralIsUsed() async throws {
        try await RedisServer.with { master in
            try await RedisServer.with(["--replicaof", "127.0.0.1 \(port(of: master))"]) { replica in
                let nobody = RedisEndpoint.tcp(host: "127.0.0.1", port: try FreePort.find())
                let configuration = RedisConfiguration(
                    servers: [nobody] + replica.configuration.servers + master.configuration.servers)
                try await Attaching.subscriber(configuration) { events in
                    let subscription = try await events.nextSubscription()
                    #expect(subscription.endpoint == master.configuration.endpoint)
                }
                #expect(try await Attaching.publish("x", to: configuration) == .integer(0))

                let alone = replica.configuration
                let expected = RedisError.replica(
                    endpoint: alone.endpoint, master: "127.0.0.1:\(port(of: master))")
                #expect(try await Attaching.failure(of: alone) == expected)
                #expect(await Attaching.refusal(of: alone) == expected)
            }
        }
    }

    @Test func clusterModeIsRefused() async throws {
        let folder = temporaryPath("cluster")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // Its bus uses a port 10000 higher.
        try await RedisServer.with(
            ["--cluster-enabled", "yes", "--dir", folder, "--cluster-port", "\(try FreePort.find())"]
        ) { server in
            let failure = try await Attaching.failure(of: server.configuration)
            #expect(failure == .clusterMode(endpoint: server.configuration.endpoint))
        }
    }

    // MARK: - Passwords

    @Test func rotatedPasswordIsReadAgain() async throws {
        let path = temporaryPath("password")
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "hunter2\n".write(toFile: path, atomically: true, encoding: .utf8)
        try await RedisServer.with(["--requirepass", "hunter2"]) { server in
            var configuration = server.configuration
            configuration.passwordFile = PasswordFile(path: path)
            let log = LogCollector()
            try await Attaching.subscriber(configuration, logger: log.logger) { events in
                _ = try await events.nextSubscription()
                var admin = server.configuration
                admin.password = Secret("hunter2")
                try await Attaching.client(admin) { client in
                    try await client.send(["CONFIG", "SET", "requirepass", "hunter3"])
                    try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
                }
                let lost = try await events.next()
                #expect(lost == .disconnected(.closedByServer))
                for await message in log.messages where message.contains("was the password rotated?") {
                    #expect(!message.contains("hunter"))
                    break
                }
                try "hunter3\n".write(toFile: path, atomically: true, encoding: .utf8)
                _ = try await events.nextSubscription()
            }
        }
    }

    @Test func missingPermissionsNameTheRule() async throws {
        try await RedisServer.with { server in
            try await Attaching.client(server.configuration) { client in
                try await client.send(["ACL", "SETUSER", "relay", "on", ">hunter2", "+ping", "resetchannels", "&chat"])
            }
            var configuration = server.configuration
            configuration.username = "relay"
            configuration.password = Secret("hunter2")
            let failure = try await Attaching.failure(of: configuration)
            guard case .notPermitted(_, "SUBSCRIBE", _, let rule?) = failure else {
                Issue.record("failed with \(failure)")
                return
            }
            // This rule fixes it.
            try await Attaching.client(server.configuration) { client in
                try await client.send(rule.split(separator: " ").map { .text(String($0)) })
            }
            try await Attaching.subscriber(configuration) { events in
                let subscription = try await events.nextSubscription()
                #expect(subscription.server == nil && subscription.connectionID == nil)
            }
        }
    }

    // MARK: - Errors of publishing

    @Test func refusedWritesAreTyped() async throws {
        try await RedisServer.with { server in
            let endpoint = server.configuration.endpoint
            try await Attaching.client(server.configuration) { client in
                try await client.send(["CONFIG", "SET", "maxmemory", "1"])
                let full = await #expect(throws: RedisError.self) { try await client.send(["INCR", "chat"]) }
                #expect(full == .outOfMemory(endpoint: endpoint))
                try await client.send(["CONFIG", "SET", "maxmemory", "0", "min-replicas-to-write", "0"])
                try await client.send(["REPLICAOF", "127.0.0.1", "1"])
                let readOnly = await #expect(throws: RedisError.self) { try await client.send(["INCR", "chat"]) }
                #expect(readOnly == .readOnly(endpoint: endpoint))
            }
        }
    }

    // MARK: - Scripted peers

    /// Listens and replies to each connection's first bytes with a text.
    private func withPeer(_ answer: String, _ body: (Int) async throws -> Void) async throws {
        final class Peer: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            typealias OutboundOut = ByteBuffer
            let answer: String
            init(_ answer: String) { self.answer = answer }
            func channelRead(context: ChannelHandlerContext, data: NIOAny) {
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
            }
        }
        let server = try await ServerBootstrap(group: Attaching.group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Peer(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            try await body(server.localAddress?.port ?? 0)
        } catch {
            try await server.close()
            throw error
        }
        try await server.close()
    }

    @Test func webServerIsNotRedis() async throws {
        try await withPeer("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") { port in
            let plain = RedisConfiguration(host: "127.0.0.1", port: port)
            for failure in [try await Attaching.failure(of: plain), await Attaching.refusal(of: plain)] {
                #expect(failure?.description.contains("answers like a web server") == true)
                #expect(failure?.isTransient == false)
            }
            let secure = RedisConfiguration(host: "127.0.0.1", port: port, tls: RedisTLS())
            #expect(await Attaching.refusal(of: secure) == .tls(endpoint: "127.0.0.1:\(port)", .notTLS))
        }
    }

    @Test func loadingServerIsWaitedFor() async throws {
        try await withPeer("-LOADING Redis is loading the dataset in memory\r\n") { port in
            let log = LogCollector()
            let configuration = RedisConfiguration(host: "127.0.0.1", port: port, password: Secret("hunter2"))
            #expect(await Attaching.refusal(of: configuration) == .loading(endpoint: configuration.endpoint))
            try await Attaching.subscriber(configuration, logger: log.logger) { _ in
                for await message in log.messages where message.contains("still loading") { break }
            }
        }
    }

    // MARK: - Stopping

    /// A connection to a listener with a full queue waits without a reply.
    @Test func stopDoesNotWaitForTheConnection() async throws {
        let listener = try FullListener()
        defer { listener.close() }
        var configuration = RedisConfiguration(host: "127.0.0.1", port: listener.port)
        configuration.connectTimeoutMilliseconds = 3_600_000
        let subscriber = RedisSubscriber(
            configuration: configuration, channels: ["chat"], eventLoopGroup: Attaching.group, sink: RecordingSink(),
            logger: LogCollector().logger)
        let run = Task { try await subscriber.run() }
        let connect = Task { [configuration] in
            try await RedisClient.connect(to: configuration, eventLoopGroup: Attaching.group)
        }
        // Gives both time to start; the outcome must not depend on it.
        try await Task.sleep(for: .milliseconds(50))
        run.cancel()
        connect.cancel()
        try await run.value
        await #expect(throws: CancellationError.self) { try await connect.value }
    }

    private func port(of server: RedisServer) -> Int { server.port }
}

/// A listening socket with a full queue: the next connection gets no reply.
private final class FullListener {
    let port: Int
    private var descriptors: [Int32] = []

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        descriptors.append(listener)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptors = descriptors
        let made = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 0) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        self.descriptors = descriptors
        guard made else { throw TestFailure("no listener: errno \(errno)") }
        for _ in 0..<4 {
            let filler = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            self.descriptors.append(filler)
            _ = withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(filler, $0, length) }
            }
        }
    }

    func close() {
        for descriptor in descriptors { _ = Foundation.close(descriptor) }
    }
}
