/// Sizes that the format fixes, in bytes.
enum Layout {
    /// Opcode (u8) and content length (u64) in front of each record.
    static let recordHeader = 9
    /// Channel id, sequence, log time and publish time in front of a message's data.
    static let messageHeader = 22
    /// Log time and offset of one message in a message index.
    static let messageIndexEntry = 16
    /// Times, size, CRC, and two empty strings' lengths: the content of a chunk record without name and records.
    static let chunkHeader = 40
    static let dataEndContent = 4
    static let footerContent = 20
    /// What of the footer's content the summary CRC covers: all but the CRC itself.
    static let footerCovered = 16
    /// Data end, footer and magic at the end of a file that is not closed.
    static let trailer = 50

    /// What an MCAP file begins and ends with.
    static let magic: [UInt8] = [0x89, 0x4D, 0x43, 0x41, 0x50, 0x30, 0x0D, 0x0A]
}
