extension Damage: CustomStringConvertible {
    /// One line: the place, what is wrong there, what it cost, what helps.
    package var description: String {
        reason.remedy.map { "\(finding); \($0)" } ?? finding
    }

    /// The same without what helps, for who does that already.
    package var finding: String {
        let extent = length == 0 ? "" : " (\(length) bytes)"
        let cost =
            switch messagesLost {
            // Nobody knows what was in bytes that were not read.
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
        case .leadingMagic: "the file does not begin as an MCAP file does"
        case .truncated: "the file ends before its trailer"
        case .tooLarge(let opcode, let size, let limit):
            "record \(hex(opcode)) needs \(size) bytes, the limit is \(limit)"
        case .malformed(let opcode, let field): "record \(hex(opcode)) is malformed in its field \(field)"
        case .unexpectedRecord(let opcode): "a record \(hex(opcode)) cannot stand here"
        case .unsupportedCompression(let name): "chunk compression '\(name)' is not supported"
        case .decompression(.noMemory): "there is no memory to uncompress a chunk"
        case .decompression(.damaged): "the compressed bytes of a chunk are damaged"
        case .decompression(.tooShort(let actual, let expected)):
            "a chunk holds \(actual) bytes uncompressed, not the \(expected) that it says"
        case .decompression(.tooLong(let expected)):
            "a chunk holds more bytes uncompressed than the \(expected) that it says"
        case .chunkCRC(let expected, let actual): "a chunk's checksum is \(hex(actual)), not \(hex(expected))"
        case .chunkTimes: "a chunk says other times than its messages have"
        case .unknownChannel(let id): "a message is on channel \(id), which nothing before it describes"
        case .channelConflict(let id): "channel \(id) is described in two ways"
        case .messageIndex(let id): "the message index of channel \(id) does not fit its chunk"
        case .messageIndexMissing(let id): "a chunk lacks the message index of channel \(id)"
        case .marker: "a marker cannot be read"
        case .markersMissing(let expected, let found): "marker \(expected) should stand here, not \(found)"
        case .precedingCRC(let expected, let actual):
            "the checksum between chunk and marker is \(hex(actual)), not \(hex(expected))"
        case .dataEndMissing: "the end of the data section is not marked"
        case .dataEndCRC(let expected, let actual): "the data's checksum is \(hex(actual)), not \(hex(expected))"
        case .summaryCRC(let expected, let actual): "the summary's checksum is \(hex(actual)), not \(hex(expected))"
        case .summary(let part): "the summary's \(part.rawValue) contradict what the file holds"
        case .footer: "the footer contradicts what stands before it"
        case .anotherFile: "another MCAP file begins here"
        case .moved(let distance):
            distance < 0
                ? "\(distance.magnitude) bytes are missing before this place"
                : "\(distance.magnitude) bytes too many stand before this place"
        case .duplicate: "a chunk stands here that was read already"
        case .trailingMagic: "the file does not end as an MCAP file does"
        case .trailingBytes: "there are bytes behind the end of the file's contents"
        case .tooManyDamages: "there is too much damage to go on"
        }
    }

    /// True if it says where something stands, and nothing of what is lost.
    fileprivate var isAboutPlace: Bool {
        switch self {
        case .moved, .anotherFile, .duplicate: true
        default: false
        }
    }

    /// What to do about it, where there is more to do than to recover what is whole.
    fileprivate var remedy: String? {
        switch self {
        case .leadingMagic: "is it an MCAP file?"
        case .unsupportedCompression: "rewrite the file with zstd chunks by another MCAP tool"
        case .tooLarge: "raise the limit if the file is trusted"
        case .decompression(.noMemory): "try again where more memory is free"
        case .moved: nil
        default: "recover copies all whole chunks into a new file"
        }
    }
}

private func hex(_ value: some FixedWidthInteger) -> String { "0x" + String(value, radix: 16) }
