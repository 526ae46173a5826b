import Backplane
import FuzzSupport
import NIOCore
import NIOEmbedded
import NIOWebSocket

@testable import HubNode

/// One client's webSocket without a network: frames from the client, envelopes for it, subsequent transports. NIO's
/// framing of bytes is left out.
///
/// Input: steps, each a byte with the kind of step and its length.
enum WebSocketRun {
    static func run(_ input: inout InputReader) {
        let broker = FuzzHubNode.broker()
        var channels = [open(broker, cursor: nil)]
        var nextID: UInt64 = 1
        for _ in 0..<64 where input.remaining > 0 {
            let step = input.byte()
            switch step % 8 {
            case 0, 1, 2:
                let bytes = input.bytes(Int(step / 8) * (step % 8 == 2 ? 16 : 1))
                let opcode = step % 8 == 0 ? WebSocketOpcode(encodedWebSocketOpcode: input.byte() & 15) : .text
                let frame = WebSocketFrame(fin: true, opcode: opcode ?? .text, data: ByteBuffer(bytes: bytes))
                _ = try? channels[channels.count - 1].writeInbound(frame)
            case 3:
                let event = envelope(&input, id: nextID)
                broker.assumeIsolated { $0.handle(event) }
            case 4:
                let message = Message(
                    source: "s", key: "h-chatHub", value: Array("{\"n\":\(step)}".utf8),
                    filter: step > 128 ? "c-\(FuzzHubNode.id)" : "")
                let envelope = Envelope(id: nextID, body: ScaleoutMessage(messages: [message], createdTicks: 0))
                broker.assumeIsolated { $0.handle(.envelope(envelope)) }
            case 5: nextID = UInt64(input.uint16())
            case 6:
                channels.append(open(broker, cursor: UInt64(input.byte())))
            default:
                broker.assumeIsolated { step < 64 ? $0.drain() : $0.tick() }
            }
            nextID &+= 1
            // The messages of some envelopes are sent together with the next ones.
            if step & 64 == 0 { broker.assumeIsolated { $0.handle(.readComplete) } }
            FuzzHubNode.executor.drain()
            for channel in channels { check(channel) }
        }
        broker.assumeIsolated { $0.handle(.readComplete) }
        for channel in channels {
            check(channel)
            _ = try? channel.finish(acceptAlreadyClosed: true)
            FuzzHubNode.executor.drain()
            channel.embeddedEventLoop.run()
        }
        broker.assumeIsolated { $0.shutDown() }
        FuzzHubNode.executor.drain()
    }

    private static func open(_ broker: MessageBroker, cursor: UInt64?) -> EmbeddedChannel {
        let request = SessionRequest(
            purpose: .resume, connectionID: FuzzHubNode.id, user: "alice", hubs: ["chatHub"], transport: .webSockets,
            cursor: cursor, groups: ["chatHub.room"])
        let channel = EmbeddedChannel()
        channel.embeddedEventLoop.run()
        do {
            try channel.connect(to: SocketAddress(unixDomainSocketPath: "/fuzz")).wait()
            try channel.pipeline.syncOperations.addHandler(WebSocketFrameEncoder())
            try channel.pipeline.syncOperations.addHandler(
                WebSocketHandler(
                    request: request, line: WebSocketLine(channel: channel), broker: broker,
                    calls: FuzzHubNode.calls, metrics: FuzzHubNode.metrics))
        } catch {
            Fuzzer.fail("no channel: \(error)")
        }
        return channel
    }

    /// A publication of another node, derived from a few bytes.
    private static func envelope(_ input: inout InputReader, id: UInt64) -> BusEvent {
        let kind = input.byte()
        let value = Array(input.bytes(Int(input.byte())))
        let command = Command(
            waitForAck: kind & 8 != 0, id: "g", type: CommandType(rawValue: kind & 3) ?? .abort,
            value: kind & 16 != 0 ? "hg-chatHub.a" : String(decoding: value, as: UTF8.self))
        let message =
            kind & 4 == 0
            ? Message(command, to: FuzzHubNode.id)
            : Message(
                source: "s", key: kind & 8 == 0 ? "hg-chatHub.room" : "c-\(FuzzHubNode.id)", value: value,
                commandID: kind & 32 == 0 ? "" : "x", isAck: kind & 64 != 0,
                filter: String(decoding: value, as: UTF8.self))
        return .envelope(Envelope(id: id, body: ScaleoutMessage(messages: [message], createdTicks: 0)))
    }

    /// All output consists of complete frames whose text starts like a frame of this node.
    private static func check(_ channel: EmbeddedChannel) {
        do {
            var sent = ByteBuffer()
            while var part = try channel.readOutbound(as: ByteBuffer.self) { sent.writeBuffer(&part) }
            guard sent.readableBytes > 0 else { return }
            let decoder = EmbeddedChannel(
                handler: ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: sent.readableBytes)))
            try decoder.writeInbound(sent)
            defer { Fuzzer.check((try? decoder.finish().isClean) == true, "half a frame was sent") }
            while let frame = try decoder.readInbound(as: WebSocketFrame.self) {
                guard frame.opcode == .text else { continue }
                let first = frame.data.getInteger(at: frame.data.readerIndex, as: UInt8.self)
                Fuzzer.check(first == UInt8(ascii: "{"), "sent \(String(buffer: frame.data))")
            }
        } catch {
            Fuzzer.fail("something else than a frame was sent: \(error)")
        }
    }
}
