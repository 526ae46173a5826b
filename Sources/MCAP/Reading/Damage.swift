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
    ///   - messagesLost: nil if unknown.
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

    /// Why a chunk cannot be decompressed, in words of our own: the texts of the libraries are not meant for operators.
    package enum Unpacking: Equatable, Sendable {
        case noMemory
        /// The compressed bytes are not what was written.
        case damaged
        /// They contain fewer bytes, or more, than the chunk header says.
        case tooShort(Int, expected: Int)
        case tooLong(expected: Int)
    }

    /// The part of the summary that differs from the file.
    package enum SummaryPart: String, Equatable, Sendable {
        case channels, statistics
        case chunkIndexes = "chunk indexes"
        case metadataIndexes = "metadata indexes"
    }
}

extension Damage: CustomStringConvertible {
    /// One line: the place, the problem, the cost and the remedy.
    package var description: String {
        reason.remedy.map { "\(finding); \($0)" } ?? finding
    }

    /// The same without the remedy, for commands that apply it.
    package var finding: String {
        let extent = length == 0 ? "" : " (\(length) bytes)"
        let cost =
            switch messagesLost {
            // The contents of unread bytes are unknown.
            case 0? where unreadBytes > 0: "; these bytes were not read"
            case 0? where reason.isAboutPlace: ""
            case 0?: "; no message is lost"
            case let lost?: "; \(lost) \(lost == 1 ? "message is" : "messages are") lost"
            case nil: "; messages may be lost"
            }
        return "at byte \(offset)\(extent): \(reason)\(cost)"
    }
}

extension Damage.Reason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .leadingMagic: "the file does not begin with the MCAP magic bytes"
        case .truncated: "the file ends before its trailer"
        case .tooLarge(let opcode, let size, let limit):
            "record \(hex(opcode)) needs \(size) bytes, the limit is \(limit)"
        case .malformed(let opcode, let field): "record \(hex(opcode)) is malformed: field \(field)"
        case .unexpectedRecord(let opcode): "record \(hex(opcode)) is not allowed here"
        case .unsupportedCompression(let name): "chunk compression '\(name)' is not supported"
        case .decompression(.noMemory): "there is not enough memory to decompress a chunk"
        case .decompression(.damaged): "the compressed bytes of a chunk are damaged"
        case .decompression(.tooShort(let actual, let expected)):
            "a chunk has \(actual) bytes when decompressed, not \(expected) as stated"
        case .decompression(.tooLong(let expected)):
            "a chunk has more bytes when decompressed than the stated \(expected)"
        case .chunkCRC(let expected, let actual): "a chunk's checksum is \(hex(actual)), not \(hex(expected))"
        case .chunkTimes: "a chunk's times do not match its messages"
        case .unknownChannel(let id): "a message is on channel \(id), which is not described before it"
        case .channelConflict(let id): "channel \(id) has two different descriptions"
        case .messageIndex(let id): "the message index of channel \(id) does not match its chunk"
        case .messageIndexMissing(let id): "a chunk lacks the message index of channel \(id)"
        case .marker: "a marker cannot be read"
        case .markersMissing(let expected, let found): "marker \(expected) is expected here, not \(found)"
        case .precedingCRC(let expected, let actual):
            "the checksum between chunk and marker is \(hex(actual)), not \(hex(expected))"
        case .dataEndMissing: "the end of the data section is not marked"
        case .dataEndCRC(let expected, let actual): "the data's checksum is \(hex(actual)), not \(hex(expected))"
        case .summaryCRC(let expected, let actual): "the summary's checksum is \(hex(actual)), not \(hex(expected))"
        case .summary(let part): "the summary's \(part.rawValue) contradict the contents of the file"
        case .footer: "the footer contradicts the data before it"
        case .anotherFile: "another MCAP file begins here"
        case .moved(let distance):
            distance < 0
                ? "\(distance.magnitude) bytes are missing before this point"
                : "\(distance.magnitude) extra bytes come before this point"
        case .duplicate: "this chunk was read already"
        case .trailingMagic: "the file does not end with the MCAP magic bytes"
        case .trailingBytes: "there are bytes after the end of the contents"
        case .tooManyDamages: "there is too much damage to continue"
        }
    }

    /// True if it describes positions only, not lost data.
    fileprivate var isAboutPlace: Bool {
        switch self {
        case .moved, .anotherFile, .duplicate: true
        default: false
        }
    }

    /// The remedy, if there is more to do than to recover the intact chunks.
    fileprivate var remedy: String? {
        switch self {
        case .leadingMagic: "is it an MCAP file?"
        case .unsupportedCompression: "rewrite the file with zstd chunks by another MCAP tool"
        case .tooLarge: "raise the limit if the file is trusted"
        case .decompression(.noMemory): "try again with more free memory"
        case .moved: nil
        default: "recover copies all whole chunks into a new file"
        }
    }
}

private func hex(_ value: some FixedWidthInteger) -> String { "0x" + String(value, radix: 16) }
