import Backplane
import NIOCore

/// Frames of ASP.NET Core SignalR: consecutive messages, each with its own terminator or length.
struct CoreCodec: ClientCodec {
    let messages: CoreFormat

    var format: String { messages.name }

    /// The fewer frames, the sooner a client that is behind catches up; over server-sent events each one is a separate
    /// write.
    func limit(_ transport: TransportKind) -> FrameLimit {
        transport == .longPolling
            ? FrameLimit(messages: 5_000) : FrameLimit(messages: .max, bytes: CoreBurst.maximumBytes)
    }

    /// This protocol has no cursors, groups tokens or flags of SignalR 2.
    func encoded(_ frame: Frame) -> EncodedFrame {
        EncodedFrame(
            capacity: frame.messages.reduce(0) { $0 + $1.readableBytes }, isBinary: messages == .messagePack
        ) { buffer in
            for message in frame.messages { buffer.writeImmutableBuffer(message) }
        }
    }
}
