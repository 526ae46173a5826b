/// A damaged place in a file.
package struct Damage: Error, Equatable, Sendable {
    /// Where it begins, in bytes from the start of the file.
    package var offset: UInt64
    /// Bytes that could not be used; 0 if only something is missing there.
    package var length: UInt64
    /// What is wrong there.
    package var reason: Reason
    /// Messages that cannot be read because of it; 0 if none, nil if unknown.
    package var messagesLost: Int?

    /// - Parameters:
    ///   - offset: bytes from the start of the file.
    ///   - length: bytes that the damage spans.
    ///   - messagesLost: nil if it cannot be told.
    package init(offset: UInt64, length: UInt64, reason: Reason, messagesLost: Int?) {
        self.offset = offset
        self.length = length
        self.reason = reason
        self.messagesLost = messagesLost
    }

    /// What is wrong with the bytes.
    package enum Reason: Equatable, Sendable {
        /// The magic bytes at the start are missing: it may not be an MCAP file.
        case leadingMagic
        /// The file ends inside of a record, or without its trailer.
        case truncated
        /// A record is larger than ``ReadLimits`` allow, either stored or decompressed.
        case tooLarge(opcode: UInt8, size: UInt64, limit: UInt64)
        /// A field of a record extends beyond its end or has an invalid value.
        case malformed(opcode: UInt8, field: String)
        /// A record that is unknown or not allowed here.
        case unexpectedRecord(opcode: UInt8)

        case unsupportedCompression(String)
        case decompression(Unpacking)
        case chunkCRC(expected: UInt32, actual: UInt32)
        /// The chunk's times do not match its messages.
        case chunkTimes
        /// A message refers to a channel that the file does not describe before it.
        case unknownChannel(UInt16)
        /// Two channels have the same id.
        case channelConflict(UInt16)

        /// A channel's message index does not match the messages of the preceding chunk.
        case messageIndex(channelID: UInt16)
        case messageIndexMissing(channelID: UInt16)
        /// A marker is unreadable or belongs to another file.
        case marker
        /// A marker's ordinal is not the expected one: something in between is gone.
        case markersMissing(expected: UInt64, found: UInt64)
        /// The bytes between the last chunk and a marker have changed.
        case precedingCRC(expected: UInt32, actual: UInt32)

        case dataEndMissing
        case dataEndCRC(expected: UInt32, actual: UInt32)
        case summaryCRC(expected: UInt32, actual: UInt32)
        /// The summary contradicts the data.
        case summary(SummaryPart)
        case footer
        /// Another file begins here.
        case anotherFile
        /// The following data is at another offset than it was written at: by so many bytes before (negative) or after
        /// it.
        case moved(by: Int64)
        /// A chunk that was already read appears again.
        case duplicate
        case trailingMagic
        case trailingBytes
        /// More damage than ``ReadLimits/maximumDamages``: the rest was not read.
        case tooManyDamages
    }

    /// Bytes that could not be used; their contents are unknown.
    package var unreadBytes: UInt64 {
        switch reason {
        // Read, but inconsistent with other data.
        case .precedingCRC, .dataEndCRC, .summaryCRC, .footer, .summary, .duplicate, .chunkTimes: 0
        default: length
        }
    }

    /// Why a chunk cannot be decompressed. The libraries' own words help nobody who reads a report.
    package enum Unpacking: Equatable, Sendable {
        case noMemory
        /// The compressed bytes are not what was written.
        case damaged
        /// They hold fewer or more bytes than the chunk says.
        case tooShort(Int, expected: Int)
        case tooLong(expected: Int)
    }

    /// The part of the summary that says something else than the file.
    package enum SummaryPart: String, Equatable, Sendable {
        case channels, statistics
        case chunkIndexes = "chunk indexes"
        case metadataIndexes = "metadata indexes"
    }
}
