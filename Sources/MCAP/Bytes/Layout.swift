/// Sizes fixed by the format, in bytes.
enum Layout {
    /// Opcode (u8) and content length (u64) before each record.
    static let recordHeader = 9
    /// Channel id, sequence, log time and publish time before a message's data.
    static let messageHeader = 22
    /// Log time and offset of one message in a message index.
    static let messageIndexEntry = 16
    /// Times, size, CRC, and the lengths of two empty strings: a chunk record's content without name and records.
    static let chunkHeader = 40
    static let dataEndContent = 4
    static let footerContent = 20
    /// The part of the footer that the summary CRC covers: everything but the CRC itself.
    static let footerCovered = 16
    /// Data end, footer and magic at the end of an unclosed file.
    static let trailer = 50

    /// The first and last bytes of an MCAP file.
    static let magic: [UInt8] = [0x89, 0x4D, 0x43, 0x41, 0x50, 0x30, 0x0D, 0x0A]
}

/// The first byte of an MCAP record: which record it is.
///
/// MCAP specification: "Records".
package enum Opcode: UInt8, Sendable {
    case header = 0x01
    case footer = 0x02
    case schema = 0x03
    case channel = 0x04
    case message = 0x05
    case chunk = 0x06
    case messageIndex = 0x07
    case chunkIndex = 0x08
    case attachment = 0x09
    case attachmentIndex = 0x0A
    case statistics = 0x0B
    case metadata = 0x0C
    case metadataIndex = 0x0D
    case summaryOffset = 0x0E
    case dataEnd = 0x0F
    /// Private to this project, see ``Marker``. Other MCAP readers skip it.
    case marker = 0x80
}
