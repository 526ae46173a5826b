/// One payload PUBLISHed on a backplane channel, decoded: an id and what a node published under it.
///
/// Source: `RedisMessage.cs` of Microsoft.AspNet.SignalR.StackExchangeRedis.
package struct Envelope: Equatable, Sendable {
    /// The number assigned by the event key's counter. Dense and ascending on a healthy channel.
    package var id: UInt64
    /// What the node published.
    package var body: ScaleoutMessage

    /// - Parameter id: below 10^14, so that ``encoded()`` gives what a node's script publishes.
    package init(id: UInt64, body: ScaleoutMessage) {
        self.id = id
        self.body = body
    }

    /// Decodes a payload, `decimal id, space, blob`.
    ///
    /// Copies everything; `EnvelopeWalk` reads the same in place.
    package init(decoding payload: UnsafeRawBufferPointer) throws(EnvelopeError) {
        let blobOffset: Int
        (id, blobOffset) = try EnvelopeID.parse(payload)
        body = try ScaleoutMessage(BlobWalk(payload, at: blobOffset))
    }

    /// Decodes a payload, `decimal id, space, blob`.
    ///
    /// Copies everything; `EnvelopeWalk` reads the same in place.
    package init(decoding payload: some Collection<UInt8>) throws(EnvelopeError) {
        self = try withContiguousBytes(of: payload) { bytes throws(EnvelopeError) in
            try Envelope(decoding: bytes)
        }
    }

    /// The payload, byte for byte as a real node's publish script produces it (for ids below 10^14; beyond, Lua writes
    /// `1e+14`, which cannot be decoded).
    ///
    /// - Precondition: below 2 GiB in total, the limit of the format.
    package func encoded() -> [UInt8] {
        var writer = FieldWriter()
        writer.ascii("\(id) ")
        body.append(to: &writer)
        return writer.bytes
    }
}

/// Why a payload is not an envelope, and at which offset.
///
/// A trivial value that is thrown without allocating, so that garbage costs the recorder no more than good traffic.
package struct EnvelopeError: Error, Equatable, Sendable {
    /// What is wrong.
    package let reason: Reason
    /// Offset from the start of the decoded bytes to the field or length that could not be decoded.
    /// Never beyond the number of bytes.
    package let offset: Int

    init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// Kinds of damage; few and stable, suitable as a metric label.
    package enum Reason: UInt8, CaseIterable, Sendable {
        /// The payload does not start with decimal digits and a space: not published by a node.
        case noID
        /// Something other than a space follows the digits: Lua writes ids from 10^14 on as `1e+14`.
        case idNotUInt64
        /// The id is above `UInt64.max`.
        case idOverflow
        /// The bytes end inside a field of fixed size.
        case truncated
        case negativeLength
        /// A length points beyond the last byte of its field.
        case lengthBeyondPayload
        /// More messages are announced than the bytes could hold.
        case hugeCount
        /// A string's length takes more than five bytes or is above `Int32.max`.
        case badVarint
        /// The time is outside the calendar: before the year 1 or after 9999.
        case badTicks

        /// Stable snake_case name, for the `reason` label of metrics.
        package var label: String {
            switch self {
            case .noID: "no_id"
            case .idNotUInt64: "id_not_uint64"
            case .idOverflow: "id_overflow"
            case .truncated: "truncated"
            case .negativeLength: "negative_length"
            case .lengthBeyondPayload: "length_beyond_payload"
            case .hugeCount: "huge_count"
            case .badVarint: "bad_varint"
            case .badTicks: "bad_ticks"
            }
        }
    }
}

extension EnvelopeError: CustomStringConvertible {
    package var description: String {
        "not a SignalR envelope: \(reason.sentence), at byte \(offset)"
    }
}

extension EnvelopeError.Reason {
    fileprivate var sentence: String {
        switch self {
        case .noID: "it does not start with a decimal id and a space"
        case .idNotUInt64: "its id is not a plain decimal number (Redis writes ids from 10^14 on as 1e+14)"
        case .idOverflow: "its id does not fit 64 bits"
        case .truncated: "it ends inside a field"
        case .negativeLength: "a length is negative"
        case .lengthBeyondPayload: "a length is larger than the remaining bytes"
        case .hugeCount: "it announces more messages than it can hold"
        case .badVarint: "a string's length is not a 7-bit encoded int32"
        case .badTicks: "its time is outside the years 1 to 9999"
        }
    }
}

/// Passes the bytes of any collection as contiguous memory, copying only if necessary.
func withContiguousBytes<Result>(
    of bytes: some Collection<UInt8>,
    _ body: (UnsafeRawBufferPointer) throws(EnvelopeError) -> Result
) throws(EnvelopeError) -> Result {
    func attempt(_ buffer: UnsafeBufferPointer<UInt8>) -> Swift.Result<Result, EnvelopeError> {
        do throws(EnvelopeError) {
            return .success(try body(UnsafeRawBufferPointer(buffer)))
        } catch {
            return .failure(error)
        }
    }
    if let result = bytes.withContiguousStorageIfAvailable(attempt) {
        return try result.get()
    }
    return try Array(bytes).withUnsafeBufferPointer(attempt).get()
}
