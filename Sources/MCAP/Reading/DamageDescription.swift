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
