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

/// The end of the data section. Our writer leaves the CRC 0 (not available): markers cover the file piece by piece.
///
/// MCAP specification: "Data End (op=0x0F)".
struct DataEnd: Equatable {
    var dataSectionCRC: UInt32 = 0

    func encode(into buffer: inout GrowableBuffer) {
        buffer.appendRecord(.dataEnd) { $0.append(dataSectionCRC) }
    }
}

extension DataEnd {
    init(content: UnsafeRawBufferPointer) throws(MalformedRecord) {
        guard content.count == Layout.dataEndContent else { throw MalformedRecord(field: "length") }
        var cursor = ByteCursor(content)
        dataSectionCRC = try cursor.integer(UInt32.self, "data_section_crc")
    }
}

/// The position of a group of records of one kind in the summary.
///
/// MCAP specification: "Summary Offset (op=0x0E)".
struct SummaryOffset: Equatable {
    var group: Opcode
    var start: UInt64
    var length: UInt64

    func encode(into buffer: inout GrowableBuffer) {
        buffer.appendRecord(.summaryOffset) {
            $0.append(group.rawValue)
            $0.append(start)
            $0.append(length)
        }
    }
}
