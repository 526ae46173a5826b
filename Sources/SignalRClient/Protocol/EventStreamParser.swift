/// Parses a stream of server-sent events from arbitrary fragments.
///
/// Only `data` matters here: SignalR sends neither names nor ids.
///
/// Source: the HTML standard, "Server-sent events".
struct EventStreamParser {
    /// A longer line does not come from a node.
    var maximumLineBytes = 16 << 20

    private var line: [UInt8] = []
    private var data: [UInt8]?
    /// The last byte was CR: an LF after it belongs to the same line end.
    private var endsInCR = false

    /// - Parameter event: called with the data of each complete event, valid during the call only.
    /// - Returns: false if a line or an event is too long; the stream must then be closed.
    mutating func append(_ bytes: UnsafeRawBufferPointer, _ event: (UnsafeRawBufferPointer) -> Void) -> Bool {
        var start = 0
        for (index, byte) in bytes.enumerated() {
            guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else {
                endsInCR = false
                continue
            }
            if byte == UInt8(ascii: "\n"), endsInCR {
                endsInCR = false
                start = index + 1
                continue
            }
            endsInCR = byte == UInt8(ascii: "\r")
            line += bytes[start..<index]
            start = index + 1
            finishLine(event)
        }
        line += bytes[start...]
        return line.count <= maximumLineBytes && (data?.count ?? 0) <= maximumLineBytes
    }

    private mutating func finishLine(_ event: (UnsafeRawBufferPointer) -> Void) {
        defer { line.removeAll(keepingCapacity: true) }
        if line.isEmpty {
            data?.withUnsafeBytes(event)
            data = nil
            return
        }
        // A comment or another field.
        guard line.starts(with: "data:".utf8) else { return }
        var value = line.dropFirst(5)
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        if data == nil {
            data = Array(value)
        } else {
            data?.append(UInt8(ascii: "\n"))
            data? += value
        }
    }
}
