import Backplane
import NIOCore

/// Messages for many clients, in each protocol in which they were published; encoded once per protocol.
struct CoreFanOut {
    /// The messages of one protocol in one frame. A class, so that a delivery retains one object instead of two buffers.
    final class Form: Sendable {
        let frame: EncodedFrame

        /// - Returns: nil if one of the messages does not contain the protocol.
        init?(_ messages: [[CoreInvocation.Frame]], _ format: CoreFormat) {
            let name = format.name
            let parts = messages.compactMap { frames in frames.first { $0.protocolName == name }?.bytes }
            guard parts.count == messages.count else { return nil }
            frame = EncodedFrame(
                capacity: parts.reduce(0) { $0 + $1.count }, isBinary: format == .messagePack
            ) { buffer in
                for bytes in parts { buffer.writeBytes(bytes) }
            }
        }

        /// The messages, encoded in the protocol.
        var content: ByteBuffer { frame.content }
    }

    /// Number of messages.
    let count: Int
    private let json: Form?
    private let messagePack: Form?

    /// - Parameter messages: the frames of each.
    init(_ messages: [[CoreInvocation.Frame]]) {
        count = messages.count
        json = Form(messages, .json)
        messagePack = Form(messages, .messagePack)
    }

    /// - Returns: nil if a sender did not encode its message in this protocol.
    func form(_ format: CoreFormat) -> Form? { format == .json ? json : messagePack }
}

/// Messages for the same clients that arrived from the backplane directly one after the other, in one read: a client
/// that is not behind gets them in one frame and one write. Real nodes, too, send what waits for a client together.
struct CoreBurst {
    /// Further messages go into another frame: libraries of clients limit its size, some to 1 MiB.
    static let maximumBytes = 32 * 1024

    let audience: Audience
    /// The frames of each message.
    private(set) var messages: [[CoreInvocation.Frame]]
    private let channel: [UInt8]
    private let excluded: [String]
    private var bytes: Int

    /// - Parameters:
    ///   - channel: the Redis channel.
    ///   - audience: its clients, without those that the message excludes.
    init(_ message: CoreInvocation, on channel: UnsafeRawBufferPointer, to audience: Audience) {
        self.audience = audience
        self.channel = Array(channel)
        excluded = message.excluded
        messages = [message.frames]
        bytes = Self.size(message)
    }

    /// Adds a message that has the same recipients and protocols.
    ///
    /// - Returns: false if it has others, or if there is no room for it.
    mutating func add(_ message: CoreInvocation, on channel: UnsafeRawBufferPointer) -> Bool {
        let size = Self.size(message)
        guard bytes + size <= Self.maximumBytes, channel.elementsEqual(self.channel), message.excluded == excluded,
            message.frames.elementsEqual(messages[0], by: { $0.protocolName == $1.protocolName })
        else { return false }
        messages.append(message.frames)
        bytes += size
        return true
    }

    /// The size of the largest frame.
    private static func size(_ message: CoreInvocation) -> Int { message.frames.map(\.bytes.count).max() ?? 0 }
}
