/// Where a group of records of one kind stands in the summary.
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
