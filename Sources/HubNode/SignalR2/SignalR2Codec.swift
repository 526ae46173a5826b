import Backplane
import NIOCore

/// SignalR 2's frames: `{"C":"cursor","S":1,"T":1,"G":"token","M":[...]}`, in this order; all but C and M are optional.
///
/// Source: `Transports/PersistentResponse.cs` of SignalR 2.
struct SignalR2Codec: ClientCodec {
    let format = "signalr2"

    /// As on a real node.
    func limit(_ transport: TransportKind) -> FrameLimit {
        FrameLimit(messages: transport == .longPolling ? 5_000 : 10)
    }

    func encoded(_ frame: Frame) -> EncodedFrame { frame.encoded() }
}

extension Frame {
    func encoded() -> EncodedFrame {
        let size = messages.reduce(48 + (groupsToken?.utf8.count ?? 0)) { $0 + $1.readableBytes + 1 }
        return EncodedFrame(capacity: size) { write(into: &$0) }
    }

    private func write(into buffer: inout ByteBuffer) {
        buffer.writeStaticString(#"{"C":""#)
        buffer.writeString(Cursor.text(cursor))
        buffer.writeStaticString(#"""#)
        if initialized { buffer.writeStaticString(#","S":1"#) }
        if reconnect { buffer.writeStaticString(#","T":1"#) }
        if let groupsToken {
            // Base64: nothing to escape.
            buffer.writeStaticString(#","G":""#)
            buffer.writeString(groupsToken)
            buffer.writeStaticString(#"""#)
        }
        buffer.writeStaticString(#","M":["#)
        for (index, message) in messages.enumerated() {
            if index > 0 { buffer.writeStaticString(",") }
            buffer.writeImmutableBuffer(message)
        }
        buffer.writeStaticString("]}")
    }
}

extension Session {
    /// A client of SignalR 2.
    convenience init(request: SessionRequest, cursor: UInt64, now: NIODeadline) {
        self.init(
            connectionID: request.connectionID, user: request.user, signals: request.signals,
            transport: request.transport, codec: SignalR2Codec(), cursor: cursor,
            isInitialized: request.purpose != .connect, now: now)
    }
}

/// A client's position: `s-0,HEX`, the last envelope's id in upper-case hexadecimal.
///
/// A Redis backplane has only stream 0.
///
/// Source: `Messaging/Cursor.cs` of SignalR 2.
enum Cursor {
    private static let prefix = "s-0,"

    static func text(_ id: UInt64) -> String {
        prefix + String(id, radix: 16, uppercase: true)
    }

    /// - Returns: nil for anything else: such a client gets only new messages, as on a real node.
    static func parse(_ text: some StringProtocol) -> UInt64? {
        guard text.hasPrefix(prefix) else { return nil }
        let digits = text.dropFirst(prefix.count)
        // UInt64's parser would accept a sign.
        guard digits.first?.isHexDigit == true else { return nil }
        return UInt64(digits, radix: 16)
    }
}
