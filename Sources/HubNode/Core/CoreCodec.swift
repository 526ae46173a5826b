import Backplane
import NIOCore

/// Frames of ASP.NET Core SignalR: consecutive messages, each with its own terminator or length.
struct CoreCodec: ClientCodec {
    let messages: CoreFormat

    var format: String { messages.name }

    /// This protocol has no cursors, groups tokens or flags of SignalR 2.
    func encoded(_ frame: Frame) -> EncodedFrame {
        EncodedFrame(
            capacity: frame.messages.reduce(0) { $0 + $1.readableBytes }, isBinary: messages == .messagePack
        ) { buffer in
            for message in frame.messages { buffer.writeImmutableBuffer(message) }
        }
    }
}
