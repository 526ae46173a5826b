package import NIOCore
import NIOPosix
package import Redis
import Synchronization

/// A scripted server on a free port that replies to each command as a test requires: replies of any server, version or
/// ACL, without a real one.
package final class ScriptedRedis: Sendable {
    /// A reply on the wire, such as `+OK`; line feeds are added.
    package typealias Script = @Sendable (_ command: [String]) -> String?

    package let port: Int
    private let script: Script
    private let record = Mutex<[[String]]>([])

    private init(port: Int, script: @escaping Script) {
        self.port = port
        self.script = script
    }

    package var configuration: RedisConfiguration { RedisConfiguration(host: "127.0.0.1", port: port) }

    package var eventLoopGroup: any EventLoopGroup { MultiThreadedEventLoopGroup.singleton }

    /// All commands received.
    package var commands: [[String]] { record.withLock { $0 } }

    /// - Parameters:
    ///   - script: the reply to a command, given its words as received; nil for the reply of a new master.
    ///   - body: the server stops when it returns.
    package static func with<Value>(
        _ script: @escaping Script, isolation: isolated (any Actor)? = #isolation,
        _ body: (ScriptedRedis) async throws -> Value
    ) async throws -> Value {
        let port = try FreePort.find()
        let server = ScriptedRedis(port: port, script: script)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answerer(server))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        do {
            let value = try await body(server)
            try await channel.close()
            return value
        } catch {
            try? await channel.close()
            throw error
        }
    }

    /// A bulk string on the wire.
    package static func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)" }

    /// An array of bulk strings on the wire.
    package static func bulks(_ texts: [String]) -> String {
        (["*\(texts.count)"] + texts.map(bulk)).joined(separator: "\r\n")
    }

    fileprivate func answer(_ command: [String]) -> String {
        record.withLock { $0.append(command) }
        return (script(command) ?? Self.usual(command)) + "\r\n"
    }

    private static func usual(_ command: [String]) -> String {
        switch command.first?.uppercased() {
        case "PING": "+PONG"
        case "ROLE": "*3\r\n" + bulk("master") + "\r\n:0\r\n*0"
        case "INFO": bulk("redis_version:7.0.15\r\nrun_id:abc\r\nredis_mode:standalone\r\nrole:master\r\n")
        case "CLUSTER": "-ERR This instance has cluster support disabled"
        case "GET": "$-1"
        case "ACL": bulk("default")
        case "PUBSUB": "*2\r\n" + bulk(command.last ?? "") + "\r\n:0"
        case "CONFIG": "*0"
        case "TIME": bulks(["1795383660", "0"])
        case "CLIENT" where command.count > 1 && command[1].uppercased() == "LIST": bulk("")
        case "CLIENT" where command.count > 1 && command[1].uppercased() == "ID": ":1"
        default: "+OK"
        }
    }

    /// Parses commands in the form that clients send: arrays of bulk strings.
    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let server: ScriptedRedis
        private var bytes = ByteBuffer()

        init(_ server: ScriptedRedis) { self.server = server }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var read = unwrapInboundIn(data)
            bytes.writeBuffer(&read)
            while let command = nextCommand() {
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: server.answer(command))), promise: nil)
            }
        }

        private func nextCommand() -> [String]? {
            var rest = bytes
            guard let count = Self.number(after: "*", in: &rest) else { return nil }
            var words: [String] = []
            for _ in 0..<count {
                guard let length = Self.number(after: "$", in: &rest), let word = rest.readString(length: length),
                    rest.readString(length: 2) == "\r\n"
                else { return nil }
                words.append(word)
            }
            bytes = rest
            return words
        }

        private static func number(after sign: Character, in bytes: inout ByteBuffer) -> Int? {
            guard let end = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "\n")),
                let line = bytes.readString(length: end - bytes.readerIndex + 1), line.first == sign
            else { return nil }
            return Int(line.dropFirst().prefix { $0.isNumber })
        }
    }
}
