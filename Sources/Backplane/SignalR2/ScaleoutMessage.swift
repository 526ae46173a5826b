/// What one publish carries: messages and the time of their creation.
///
/// Source: `Messaging/ScaleoutMessage.cs` of SignalR 2.
package struct ScaleoutMessage: Equatable, Sendable {
    /// Real nodes write exactly one.
    package var messages: [Message]
    /// When the publisher created it, by its own clock, in `DotNetTicks`.
    package var createdTicks: Int64

    /// - Parameter createdTicks: in `DotNetTicks`.
    package init(messages: [Message], createdTicks: Int64) {
        self.messages = messages
        self.createdTicks = createdTicks
    }

    /// Decodes a blob, `int32 length, body`: a payload without its id.
    ///
    /// - Throws: `EnvelopeError`; its offset counts from the start of the blob.
    package init(decoding blob: UnsafeRawBufferPointer) throws(EnvelopeError) {
        self = try Self(BlobWalk(blob, at: 0))
    }

    /// Decodes a blob, `int32 length, body`: a payload without its id.
    ///
    /// - Throws: `EnvelopeError`; its offset counts from the start of the blob.
    package init(decoding blob: some Collection<UInt8>) throws(EnvelopeError) {
        self = try withContiguousBytes(of: blob) { bytes throws(EnvelopeError) in
            try ScaleoutMessage(decoding: bytes)
        }
    }

    init(_ start: BlobWalk) throws(EnvelopeError) {
        var walk = start
        messages = []
        messages.reserveCapacity(walk.messageCount)
        createdTicks = 0
        while let view = try walk.next() {
            messages.append(Message(view))
        }
        // Its position is known only after the messages.
        createdTicks = walk.createdTicks
    }

    /// The blob, `int32 length, body`, byte for byte as a real node writes it.
    ///
    /// - Precondition: below 2 GiB in total, the limit of the format.
    package func encoded() -> [UInt8] {
        var writer = FieldWriter()
        append(to: &writer)
        return writer.bytes
    }

    func append(to writer: inout FieldWriter) {
        writer.lengthPrefixed { writer in
            writer.int32(messages.count)
            for message in messages {
                writer.string(message.source)
                writer.string(message.key)
                writer.byteArray(message.value)
                writer.string(message.commandID)
                writer.bool(message.waitForAck)
                writer.bool(message.isAck)
                writer.string(message.filter)
            }
            writer.int64(createdTicks)
        }
    }
}

/// Writes fields like .NET's `BinaryWriter`: the counterpart of `FieldReader`.
///
/// Lengths are int32 on the wire; a larger one is a programming error and traps.
struct FieldWriter {
    private(set) var bytes: [UInt8] = []

    mutating func ascii(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    mutating func int32(_ value: Int) {
        littleEndian(Int32(value))
    }

    mutating func int64(_ value: Int64) {
        littleEndian(value)
    }

    mutating func bool(_ value: Bool) {
        bytes.append(value ? 1 : 0)
    }

    /// int32 length, bytes.
    mutating func byteArray(_ value: [UInt8]) {
        int32(value.count)
        bytes.append(contentsOf: value)
    }

    /// Varint byte length, UTF-8.
    mutating func string(_ value: String) {
        var length = UInt32(Int32(value.utf8.count))
        while length >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        bytes.append(UInt8(length))
        bytes.append(contentsOf: value.utf8)
    }

    /// int32 length of the output of `content`, then that output.
    mutating func lengthPrefixed(_ content: (inout FieldWriter) -> Void) {
        let start = bytes.count
        int32(0)
        content(&self)
        withUnsafeBytes(of: Int32(bytes.count - start - 4).littleEndian) { length in
            bytes.replaceSubrange(start..<start + 4, with: length)
        }
    }

    private mutating func littleEndian(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}

/// A time in the units of .NET's `DateTime`: 100 ns since 0001-01-01 UTC.
package struct DotNetTicks: RawRepresentable, Equatable, Sendable {
    /// Units of 100 ns since 0001-01-01 UTC; from a wire also what no `DateTime` can hold.
    package var rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// 1970-01-01 UTC.
    private static let unixEpoch: Int64 = 621_355_968_000_000_000
    /// 0001-01-01 to the last tick of 9999: the range of `DateTime`.
    private static let dateTimeRange: ClosedRange<Int64> = 0...3_155_378_975_999_999_999
    private static let nanosecondsPerTick: Int64 = 100

    /// The tick that contains a time in nanoseconds since 1970-01-01 UTC.
    package init(unixNanoseconds: Int64) {
        // Round down, also before 1970.
        let (quotient, remainder) = unixNanoseconds.quotientAndRemainder(dividingBy: Self.nanosecondsPerTick)
        rawValue = Self.unixEpoch + quotient - (remainder < 0 ? 1 : 0)
    }

    /// Whether a `DateTime` can represent it; otherwise .NET throws.
    @inline(__always)
    var isDateTime: Bool { rawValue >= 0 && rawValue <= Self.dateTimeRange.upperBound }

    /// Nanoseconds since 1970-01-01 UTC; nil outside the range of `DateTime` or of 64-bit nanoseconds (1677 to 2262).
    package var unixNanoseconds: Int64? {
        guard Self.dateTimeRange.contains(rawValue) else { return nil }
        let (nanoseconds, overflow) = (rawValue - Self.unixEpoch)
            .multipliedReportingOverflow(by: Self.nanosecondsPerTick)
        return overflow ? nil : nanoseconds
    }
}
