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
    let json: ByteBuffer?
    let messagePack: ByteBuffer?
    private var shared: [EncodedFrame?] = [nil, nil]

    init(json: ByteBuffer?, messagePack: ByteBuffer?) {
        self.json = json
        self.messagePack = messagePack
    }

    init(_ frames: [CoreInvocation.Frame]) {
        func buffer(_ format: CoreFormat) -> ByteBuffer? {
            frames.first { $0.protocolName == format.name }.map { ByteBuffer(bytes: $0.bytes) }
        }
        self.init(json: buffer(.json), messagePack: buffer(.messagePack))
    }

    /// - Returns: nil if the sender did not encode it in this protocol.
    func message(_ format: CoreFormat) -> ByteBuffer? { format == .json ? json : messagePack }

    mutating func encoded(_ format: CoreFormat) -> EncodedFrame? {
        let index = Int(format.rawValue)
        if let frame = shared[index] { return frame }
        guard let message = message(format) else { return nil }
        shared[index] = CoreCodec(messages: format).encoded(Frame(cursor: 0, messages: [message]))
        return shared[index]
    }
}
