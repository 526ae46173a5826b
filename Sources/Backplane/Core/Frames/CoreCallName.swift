import JSON

/// The client method of an invocation, found by reading only the start of a frame: nodes write `{"type":1,"target":"`
/// or `96 01 80 c0` before it, unless a result is requested.
///
/// For counting; ``CoreHubMessage`` validates everything. Valid as long as the payload's memory.
package struct CoreCallName {
    /// UTF-8 as it stands in the frame.
    package let key: UnsafeRawBufferPointer

    /// Malformed UTF-8 becomes U+FFFD.
    package var method: String { String(decoding: key, as: UTF8.self) }

    /// - Returns: nil if the frame begins differently, or the name is escaped.
    @inline(__always)
    package init?(quickly view: CoreInvocationView) {
        if let json = view.json {
            self.init(json: UnsafeRawBufferPointer(rebasing: view.payload[json]))
        } else if let messagePack = view.messagePack {
            self.init(messagePack: view.payload, in: messagePack)
        } else {
            return nil
        }
    }

    /// `{"type":`, `1,"targe` and `arget":"`, the last two overlapping.
    private static var head: (UInt64, UInt64, UInt64) {
        (0x3A22_6570_7974_227B, 0x6567_7261_7422_2C31, 0x223A_2274_6567_7261)
    }

    @inline(__always)
    private init?(json frame: UnsafeRawBufferPointer) {
        let start = 20
        guard frame.count > start, Self.word(frame, 0) == Self.head.0, Self.word(frame, 8) == Self.head.1,
            Self.word(frame, 12) == Self.head.2
        else { return nil }
        let end = JSONString.endOfPlainText(in: frame, from: start)
        guard end < frame.count, frame[end] == UInt8(ascii: "\"") else { return nil }
        key = UnsafeRawBufferPointer(rebasing: frame[start..<end])
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    private init?(messagePack payload: UnsafeRawBufferPointer, in frame: Range<Int>) {
        // The length takes at most five bytes.
        var position = frame.lowerBound
        let lastOfLength = min(position &+ 4, frame.upperBound &- 1)
        while position < lastOfLength, payload[position] >= 0x80 { position &+= 1 }
        guard frame.upperBound &- position > 5, payload[position] < 0x80 else { return nil }
        let head = UInt32(bigEndian: payload.loadUnaligned(fromByteOffset: position &+ 1, as: UInt32.self))
        guard head == 0x9601_80C0 else { return nil }
        var reader = MessagePackReader(payload, in: position &+ 5..<frame.upperBound)
        guard let name = try? reader.string() else { return nil }
        key = name
    }
}
