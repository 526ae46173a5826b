/// The last record of a file: where its summary is. All zero in a file that is not closed yet.
///
/// MCAP specification: "Footer (op=0x02)".
struct Footer: Equatable {
    var summaryStart: UInt64 = 0
    var summaryOffsetStart: UInt64 = 0
    var summaryCRC: UInt32 = 0

    func encode(into buffer: inout GrowableBuffer) {
        buffer.appendRecord(.footer) {
            $0.append(summaryStart)
            $0.append(summaryOffsetStart)
            $0.append(summaryCRC)
        }
    }
}

extension Footer {
    init(content: UnsafeRawBufferPointer) throws(MalformedRecord) {
        guard content.count == Layout.footerContent else { throw MalformedRecord(field: "length") }
        var cursor = ByteCursor(content)
        summaryStart = try cursor.integer(UInt64.self, "summary_start")
        summaryOffsetStart = try cursor.integer(UInt64.self, "summary_offset_start")
        summaryCRC = try cursor.integer(UInt32.self, "summary_crc")
    }
}
