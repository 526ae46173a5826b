/// One place of a file that is not as it should be.
package struct Damage: Error, Equatable, Sendable {
    /// Where it begins, in bytes from the start of the file.
    package var offset: UInt64
    /// Bytes that could not be used; 0 if only something is missing there.
    package var length: UInt64
    package var reason: Reason
    /// Messages that cannot be read because of it. 0 if all are there in spite of it, nil if that is not known.
    package var messagesLost: Int?

    package init(offset: UInt64, length: UInt64, reason: Reason, messagesLost: Int?) {
        self.offset = offset
        self.length = length
        self.reason = reason
        self.messagesLost = messagesLost
    }

    package enum Reason: Equatable, Sendable {
        /// The magic bytes at the start are not there: perhaps it is no MCAP file at all.
        case leadingMagic
        /// The file ends inside of a record, or without its trailer.
        case truncated
        /// A record is larger than ``ReadLimits`` allow, as it stands or uncompressed.
        case tooLarge(opcode: UInt8, size: UInt64, limit: UInt64)
        /// A field of a record runs over its end or holds what it cannot.
        case malformed(opcode: UInt8, field: String)
        /// A record that cannot stand there, or is not known.
        case unexpectedRecord(opcode: UInt8)

        case unsupportedCompression(String)
        case decompression(Unpacking)
        case chunkCRC(expected: UInt32, actual: UInt32)
        /// The chunk says other times than its messages have.
        case chunkTimes
        /// A message refers to a channel that the file does not describe before it.
        case unknownChannel(UInt16)
        /// A channel id that means two different channels.
        case channelConflict(UInt16)

        /// The message index of a channel does not fit the messages of the chunk before it.
        case messageIndex(channelID: UInt16)
        case messageIndexMissing(channelID: UInt16)
        /// A marker cannot be read or is of another file.
        case marker
        /// A marker has another ordinal than its predecessors let expect: something in between is gone.
        case markersMissing(expected: UInt64, found: UInt64)
        /// What stands between the last chunk and a marker is not what was written.
        case precedingCRC(expected: UInt32, actual: UInt32)

        case dataEndMissing
        case dataEndCRC(expected: UInt32, actual: UInt32)
        case summaryCRC(expected: UInt32, actual: UInt32)
        /// The summary contradicts what was read.
        case summary(SummaryPart)
        case footer
        /// Another file begins here.
        case anotherFile
        /// What follows stands by so many bytes before (negative) or behind the place where it was written.
        case moved(by: Int64)
        /// A chunk that was read already stands here once more.
        case duplicate
        case trailingMagic
        case trailingBytes
        /// More damages than ``ReadLimits/maximumDamages``: the rest was not looked at.
        case tooManyDamages
    }

    /// Bytes that nobody could make use of: of what they held nothing is known.
    package var unreadBytes: UInt64 {
        switch reason {
        // Read, and at odds with what else is there.
        case .precedingCRC, .dataEndCRC, .summaryCRC, .footer, .summary, .duplicate, .chunkTimes: 0
        default: length
        }
    }

    /// Why a chunk cannot be uncompressed. The libraries' own words help nobody who reads a report.
    package enum Unpacking: Equatable, Sendable {
        case noMemory
        /// The compressed bytes are not what was written.
        case damaged
        /// They hold fewer or more bytes than the chunk says.
        case tooShort(Int, expected: Int)
        case tooLong(expected: Int)
    }

    package enum SummaryPart: String, Equatable, Sendable {
        case channels, statistics
        case chunkIndexes = "chunk indexes"
        case metadataIndexes = "metadata indexes"
    }
}
