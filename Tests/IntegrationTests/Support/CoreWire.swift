import JSON
import NIOCore
import NIOPosix
import Redis
import Synchronization
import TestSupport

/// A webSocket to a hub node, message by message: it sends only what the test sends, and answers nothing by itself.
final class CoreWire: Sendable {
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private let channel: any Channel
    /// The received JSON messages in order, without the byte 1e, then `<closed CODE>` and `<end>`.
    private let messages = Mutex<[String]>([])
    private let frames = Mutex(0)

    private init(_ channel: any Channel, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) {
        self.channel = channel
        self.outbound = outbound
    }

    /// Runs `body` with a new webSocket, then closes it.
    ///
    /// - Parameters:
    ///   - query: such as `?id=TOKEN`; empty for a connection without negotiation.
    ///   - path: of the hub.
    @discardableResult
    static func with<Value: Sendable>(
        port: Int, _ query: String = "", path: String = "/chathub", isolation: isolated (any Actor)? = #isolation,
        _ body: (CoreWire) async throws -> Value
    ) async throws -> Value {
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await connection.executeThenClose { inbound, outbound in
            let wire = CoreWire(connection.channel, outbound)
            let reading = Task { await wire.read(inbound) }
            defer { reading.cancel() }
            try await outbound.write(
                ByteBuffer(
                    string: "GET \(path)\(query) HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                        + "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        + "Sec-WebSocket-Version: 13\r\n\r\n"))
            let status = try await wire.hear("HTTP/1.1 ")
            guard status.hasPrefix("HTTP/1.1 101") else { throw TestFailure("no webSocket: \(status)") }
            return try await body(wire)
        }
    }

    /// The same, after the handshake.
    @discardableResult
    static func connected<Value: Sendable>(
        port: Int, _ query: String = "", path: String = "/chathub", isolation: isolated (any Actor)? = #isolation,
        _ body: (CoreWire) async throws -> Value
    ) async throws -> Value {
        try await with(port: port, query, path: path, isolation: isolation) { wire in
            try await wire.shakeHands()
            return try await body(wire)
        }
    }

    func shakeHands(version: Int = 1) async throws {
        try await send(#"{"protocol":"json","version":\#(version)}"#)
        try await hear("{}")
    }

    /// Sends one message.
    func send(_ message: String) async throws {
        let bytes = Array(message.utf8) + [0x1E]
        var frame = ByteBuffer()
        frame.writeInteger(UInt8(0x81))
        if bytes.count < 126 {
            frame.writeInteger(0x80 | UInt8(bytes.count))
        } else {
            frame.writeInteger(UInt8(0xFE))
            frame.writeInteger(UInt16(bytes.count))
        }
        // A mask of zeros leaves the bytes unchanged.
        frame.writeRepeatingByte(0, count: 4)
        frame.writeBytes(bytes)
        try await outbound.write(frame)
    }

    /// Calls a hub method.
    ///
    /// - Parameter arguments: JSON values, separated by commas.
    /// - Returns: the completion.
    @discardableResult
    func call(_ id: String, _ target: String, _ arguments: String = "") async throws -> String {
        try await send(#"{"type":1,"invocationId":"\#(id)","target":"\#(target)","arguments":[\#(arguments)]}"#)
        return try await hear(#"{"type":3,"invocationId":"\#(id)""#)
    }

    /// Waits for the first message with this beginning.
    @discardableResult
    func hear(_ beginning: String, count: Int = 1) async throws -> String {
        do {
            return try await eventually("'\(beginning)'") {
                let found = heard.filter { $0.hasPrefix(beginning) }
                return found.count >= count ? found[count - 1] : nil
            }
        } catch {
            throw TestFailure("\(error); heard \(heard)")
        }
    }

    var heard: [String] { messages.withLock { $0 } }
    /// Number of webSocket frames received; each may contain several messages.
    var frameCount: Int { frames.withLock { $0 } }

    /// Ends the connection without a close message.
    func cut() async throws { try await channel.close() }

    private func read(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async {
        var bytes = ByteBuffer()
        var isUpgraded = false
        var text = ""
        do {
            for try await part in inbound {
                bytes.writeImmutableBuffer(part)
                if !isUpgraded {
                    let head = String(buffer: bytes)
                    guard let end = head.firstRange(of: "\r\n\r\n") else { continue }
                    isUpgraded = true
                    bytes.moveReaderIndex(forwardBy: head.utf8.distance(from: head.startIndex, to: end.upperBound))
                    add(String(head[..<(head.firstRange(of: "\r\n")?.lowerBound ?? head.endIndex)]))
                }
                while let (opcode, payload) = Self.frame(&bytes) {
                    if opcode == 8 {
                        add("<closed \(payload.getInteger(at: payload.readerIndex, as: UInt16.self) ?? 0)>")
                        continue
                    }
                    frames.withLock { $0 += 1 }
                    text += String(buffer: payload)
                    let parts = text.split(separator: "\u{1E}", omittingEmptySubsequences: false)
                    for message in parts.dropLast() { add(String(message)) }
                    text = String(parts.last ?? "")
                }
            }
        } catch {}
        add("<end>")
    }

    private func add(_ message: String) { messages.withLock { $0.append(message) } }

    private static func frame(_ bytes: inout ByteBuffer) -> (opcode: UInt8, payload: ByteBuffer)? {
        let start = bytes.readerIndex
        guard let first = bytes.readInteger(as: UInt8.self), let second = bytes.readInteger(as: UInt8.self) else {
            bytes.moveReaderIndex(to: start)
            return nil
        }
        let length: Int? =
            switch second {
            case 127: bytes.readInteger(as: UInt64.self).map { Int($0) }
            case 126: bytes.readInteger(as: UInt16.self).map { Int($0) }
            default: Int(second)
            }
        guard let length, let payload = bytes.readSlice(length: length) else {
            bytes.moveReaderIndex(to: start)
            return nil
        }
        return (first & 0x0F, payload)
    }
}

/// Redis' view of the channels of a hub's nodes.
struct CoreChannels {
    let redis: RedisServer
    var prefix = "app:"
    var hub = "Chat.Hubs.ChatHub"

    /// The end of each subscribed channel's name, without the ids that nodes generate, in order.
    func subscribed() async throws -> [String] {
        let reply = try await redis.command(["PUBSUB", "CHANNELS", "*"])
        return (reply.array ?? []).compactMap(\.text).filter { $0.hasPrefix(prefix + hub) }
            .map { String($0.dropFirst(prefix.count + hub.count)) }.sorted()
    }

    /// Waits until exactly these channels are subscribed; `*` at the end matches any rest of a name.
    func wait(for names: [String]) async throws {
        var last: [String] = []
        do {
            try await eventually("the channels are subscribed") {
                last = (try? await subscribed()) ?? []
                let shapes = last.map { name in
                    names.first { $0.hasSuffix("*") && name.hasPrefix($0.dropLast()) } ?? name
                }
                return shapes.sorted() == names.sorted() ? true : nil
            }
        } catch {
            throw TestFailure("\(error): \(last) are, not \(names)")
        }
    }

    /// The number of PUBLISH commands that Redis has executed.
    func publishes() async throws -> Int {
        let text = try await redis.command(["INFO", "commandstats"]).text ?? ""
        return text.firstMatch(of: #/cmdstat_publish:calls=(\d+)/#).flatMap { Int($0.1) } ?? 0
    }

    /// Publishes all of them in one step.
    func publishTogether(_ messages: [(channel: String, payload: [UInt8])]) async throws {
        try await redis.withClient { client in
            try await client.send(["MULTI"])
            for message in messages {
                let channel = Array((prefix + hub + message.channel).utf8)
                try await client.send(["PUBLISH", .bytes(channel), .bytes(message.payload)])
            }
            try await client.send(["EXEC"])
        }
    }

    @discardableResult
    func publish(_ payload: [UInt8], _ name: String) async throws -> Int {
        let channel = Array((prefix + hub + name).utf8)
        return Int(try await redis.command(["PUBLISH", .bytes(channel), .bytes(payload)]).integer ?? 0)
    }
}
