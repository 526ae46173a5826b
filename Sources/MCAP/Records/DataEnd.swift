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
