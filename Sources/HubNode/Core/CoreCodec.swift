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

/// One message for many clients, in each protocol in which it was published; encoded once per protocol.
struct CoreFanOut {
    /// A class, so that a delivery retains one object instead of two buffers.
    final class Form: Sendable {
        let frame: EncodedFrame

        init(_ message: [UInt8], _ format: CoreFormat) {
            frame = EncodedFrame(capacity: message.count, isBinary: format == .messagePack) { $0.writeBytes(message) }
        }

        /// The message, encoded in the protocol.
        var message: ByteBuffer { frame.content }
    }

    private let json: Form?
    private let messagePack: Form?

    init(_ frames: [CoreInvocation.Frame]) {
        func form(_ format: CoreFormat) -> Form? {
            frames.first { $0.protocolName == format.name }.map { Form($0.bytes, format) }
        }
        json = form(.json)
        messagePack = form(.messagePack)
    }

    /// - Returns: nil if the sender did not encode it in this protocol.
    func form(_ format: CoreFormat) -> Form? { format == .json ? json : messagePack }
}
