import JSON

/// The messages of the hub protocol that have a meaning here.
///
/// Source: `Protocol/HubProtocolConstants.cs` of Microsoft.AspNetCore.SignalR.Common.
package enum CoreMessageType: UInt8, CaseIterable, Sendable {
    case invocation = 1
    case streamItem
    case completion
    case streamInvocation
    case cancelInvocation
    case ping
    case close
    case ack
    case sequence

    /// Stable snake_case name.
    package var label: String {
        switch self {
        case .invocation: "invocation"
        case .streamItem: "stream_item"
        case .completion: "completion"
        case .streamInvocation: "stream_invocation"
        case .cancelInvocation: "cancel_invocation"
        case .ping: "ping"
        case .close: "close"
        case .ack: "ack"
        case .sequence: "sequence"
        }
    }
}

/// One message of the hub protocol in place. Valid as long as the payload's memory.
///
/// All offsets count from the start of the payload that contains the message.
///
/// Source: `JsonHubProtocol.cs` and `MessagePackHubProtocolWorker.cs` of ASP.NET Core SignalR.
package struct CoreHubMessage {
    /// The payload that contains the message.
    package let payload: UnsafeRawBufferPointer
    /// The protocol of the frame.
    package let format: CoreFormat
    /// Clients ignore those above 9.
    package internal(set) var typeNumber = 0
    // Compact, because each walk copies the message several times.
    var span = CoreSpan.none
    var invocationIDSpan = CoreSpan.none
    var targetSpan = CoreSpan.none
    var argumentsSpan = CoreSpan.none
    var streamIDsSpan = CoreSpan.none
    var headersSpan = CoreSpan.none
    var valueSpan = CoreSpan.none
    var errorSpan = CoreSpan.none
    var argumentCount: UInt32 = 0
    var streamIDCount: UInt32 = 0

    init(_ payload: UnsafeRawBufferPointer, _ format: CoreFormat) {
        self.payload = payload
        self.format = format
    }

    /// The whole message, including the trailing byte 1e or the length prefix.
    package var range: Range<Int> { span.range ?? 0..<0 }
    /// The sender's key for the result; nil if no result is requested.
    package var invocationID: CoreText? { text(invocationIDSpan) }
    /// The client method.
    package var target: CoreText? { text(targetSpan) }
    /// nil for message types without arguments.
    package var arguments: CoreElements? { elements(argumentsSpan, argumentCount) }
    /// nil if there are none.
    package var streamIDs: CoreElements? { elements(streamIDsSpan, streamIDCount) }
    /// An object or map of texts; nil if absent.
    package var headers: Range<Int>? { headersSpan.range }
    /// A completion's result or a stream's item: one JSON value, or one MessagePack value.
    package var value: Range<Int>? { valueSpan.range }
    /// The error text of a completion or close message; nil if there is none.
    package var error: CoreText? { text(errorSpan) }
    /// The error, encoded in the message's format.
    package var errorRange: Range<Int>? { errorSpan.range }

    private func elements(_ span: CoreSpan, _ count: UInt32) -> CoreElements? {
        span.range.map { CoreElements(payload: payload, format: format, range: $0, count: Int(count)) }
    }

    private func text(_ span: CoreSpan) -> CoreText? {
        guard let range = span.range else { return nil }
        switch format {
        case .json:
            var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: payload[range]))
            return scanner.string().map { CoreText($0) }
        case .messagePack:
            var reader = MessagePackReader(payload, in: range)
            return (try? reader.string()).map { CoreText($0) }
        }
    }

    /// nil for a type that clients ignore.
    package var type: CoreMessageType? { UInt8(exactly: typeNumber).flatMap(CoreMessageType.init) }

    /// A value of this message.
    package func value(_ range: Range<Int>) -> CoreValue {
        CoreValue(payload: payload, format: format, range: range)
    }

    /// The ids of the streams, copied.
    package var streamIDTexts: [String] {
        var ids: [String] = []
        streamIDs?.forEach { _, range in
            if let id = value(range).text { ids.append(id) }
        }
        return ids
    }

    /// In message order; empty if there are none.
    package var headerTexts: [(name: String, value: String)] {
        guard let headers else { return [] }
        var texts: [(String, String)] = []
        switch format {
        case .json:
            var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: payload[headers]))
            _ = scanner.object { scanner, name in
                guard let value = scanner.string() else { return scanner.skipValue() }
                texts.append((name.decoded, value.decoded))
                return true
            }
        case .messagePack:
            var reader = MessagePackReader(payload, in: headers)
            guard let count = try? reader.mapCount() else { return [] }
            for _ in 0..<count {
                guard let name = try? reader.string(), let value = try? reader.string() else { break }
                texts.append((CoreText(name).text, CoreText(value).text))
            }
        }
        return texts
    }
}

/// A range of a payload as two 32-bit words: Redis limits values to 512 MiB by default, and none above 4 GiB is
/// decoded.
struct CoreSpan {
    private var start: UInt32
    private var end: UInt32

    static let limit = Int(UInt32.max)
    static var none: CoreSpan { CoreSpan(start: .max, end: 0) }

    private init(start: UInt32, end: UInt32) {
        self.start = start
        self.end = end
    }

    /// - Precondition: the range ends below ``limit``, as checked by the initializers of messages.
    @inline(__always)
    init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }

    @inline(__always)
    var isNone: Bool { start > end }

    @inline(__always)
    var range: Range<Int>? { isNone ? nil : Int(start)..<Int(end) }
}

/// Walks over the messages of a frame in place, without copying or allocating. Nodes write one message per frame.
package struct CoreHubMessageWalk {
    private let payload: UnsafeRawBufferPointer
    private let format: CoreFormat
    private let end: Int
    private var position: Int

    /// - Parameters:
    ///   - payload: must outlive the walk and its messages; error offsets count from its start.
    ///   - frame: a range of the payload.
    package init(_ payload: UnsafeRawBufferPointer, frame: Range<Int>, _ format: CoreFormat) {
        self.payload = payload
        self.format = format
        position = frame.lowerBound
        end = frame.upperBound
    }

    /// - Parameter frame: a frame and nothing else.
    package init(_ frame: UnsafeRawBufferPointer, _ format: CoreFormat) {
        self.init(frame, frame: 0..<frame.count, format)
    }

    /// - Returns: nil after the last message.
    /// - Throws: the message's error; repeated calls throw it again.
    package mutating func next() throws(CoreError) -> CoreHubMessage? {
        guard position < end else { return nil }
        let message =
            switch format {
            case .json: try CoreHubMessage(json: payload, in: position..<end)
            case .messagePack: try CoreHubMessage(messagePack: payload, in: position..<end)
            }
        position = message.range.upperBound
        return message
    }
}

/// The client method of an invocation, found by reading only the start of a frame: nodes write `{"type":1,"target":"`
/// or `96 01 80 c0` before it, unless a result is requested.
///
/// For counting; ``CoreHubMessage`` validates everything. Valid as long as the payload's memory.
package struct CoreCallName {
    /// The name as written in the frame, UTF-8.
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
