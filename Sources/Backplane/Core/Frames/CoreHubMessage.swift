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
/// All offsets count from the start of the payload that the message stands in.
///
/// Source: `JsonHubProtocol.cs` and `MessagePackHubProtocolWorker.cs` of ASP.NET Core SignalR.
package struct CoreHubMessage {
    package let payload: UnsafeRawBufferPointer
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
    /// By which the asker finds the answer; nil if nobody waits for one.
    package var invocationID: CoreText? { text(invocationIDSpan) }
    /// The client's method.
    package var target: CoreText? { text(targetSpan) }
    /// In place; nil where the type has none.
    package var arguments: CoreElements? { elements(argumentsSpan, argumentCount) }
    /// In place; nil where there are none.
    package var streamIDs: CoreElements? { elements(streamIDsSpan, streamIDCount) }
    /// An object or map of texts; nil if absent.
    package var headers: Range<Int>? { headersSpan.range }
    /// A completion's result or a stream's item: one JSON value, or one MessagePack value.
    package var value: Range<Int>? { valueSpan.range }
    /// Of a completion or a close; nil if there is none.
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

/// An array in a hub message, in place.
package struct CoreElements {
    package let payload: UnsafeRawBufferPointer
    package let format: CoreFormat
    /// The whole array, in the payload.
    package let range: Range<Int>
    package let count: Int

    /// Calls `body` with each element's place in the payload.
    package func forEach(_ body: (_ index: Int, _ range: Range<Int>) -> Void) {
        switch format {
        case .json:
            var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: payload[range]))
            var index = 0
            _ = scanner.array { scanner in
                _ = scanner.peek()
                let start = range.lowerBound &+ scanner.position
                guard scanner.skipValue() else { return false }
                body(index, start..<range.lowerBound &+ scanner.position)
                index += 1
                return true
            }
        case .messagePack:
            var reader = MessagePackReader(payload, in: range)
            guard let count = try? reader.arrayCount() else { return }
            for index in 0..<count {
                guard let element = try? reader.value() else { return }
                body(index, element)
            }
        }
    }

    /// Each element's place in the payload.
    package var ranges: [Range<Int>] {
        var ranges: [Range<Int>] = []
        forEach { ranges.append($1) }
        return ranges
    }

    /// All elements as one JSON array.
    package func json() -> [UInt8] { CoreValue(payload: payload, format: format, range: range).json() }
}

/// An application value in place: one JSON value or one MessagePack value.
package struct CoreValue {
    package let payload: UnsafeRawBufferPointer
    package let format: CoreFormat
    package let range: Range<Int>

    package init(payload: UnsafeRawBufferPointer, format: CoreFormat, range: Range<Int>) {
        self.payload = payload
        self.format = format
        self.range = range
    }

    /// As they stand in the payload.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: payload[range]) }

    /// nil if it is not a text.
    package var text: String? {
        switch format {
        case .json:
            var scanner = JSONScanner(bytes)
            return scanner.string()?.decoded
        case .messagePack:
            var reader = MessagePackReader(payload, in: range)
            return (try? reader.string()).map { CoreText($0).text }
        }
    }

    /// As JSON: copied from JSON, or converted by ``MessagePackJSON``.
    package func json() -> [UInt8] {
        switch format {
        case .json: return Array(bytes)
        case .messagePack:
            var writer = JSONWriter()
            var reader = MessagePackReader(payload, in: range)
            do throws(CoreConversionError) {
                try MessagePackJSON.append(&reader, to: &writer, .shown)
            } catch {
                // Too deep: the output so far is not valid JSON.
                return Array("\"\(error.reason.label)\"".utf8)
            }
            return writer.bytes
        }
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
