/// Finds the end of a full sync's data, which is not kept: decision logic without I/O.
///
/// Source: `replication.c` of Redis.
struct TransferSkipper {
    private enum Form {
        /// `$<length>`: bytes left.
        case counted(Int)
        /// `$EOF:<mark>`: it ends with these 40 bytes.
        case marked(MarkSearch)
    }

    private var form: Form

    /// - Parameter header: the line before the data, without its end.
    /// - Returns: nil if it is not one.
    init?(header: [UInt8]) {
        let marked = Array("$EOF:".utf8)
        if header.starts(with: marked), header.count == marked.count + MarkSearch.length {
            form = .marked(MarkSearch(Array(header[marked.count...])))
        } else if header.first == UInt8(ascii: "$"), (2...19).contains(header.count),
            let count = Int(String(decoding: header[1...], as: UTF8.self)), count >= 0
        {
            form = .counted(count)
        } else {
            return nil
        }
    }

    /// - Parameter bytes: what follows; may be empty.
    /// - Returns: how many of them belong to the data, and whether it is complete.
    mutating func skip(_ bytes: UnsafeRawBufferPointer) -> (count: Int, isComplete: Bool) {
        switch form {
        case .counted(let left):
            let count = min(left, bytes.count)
            form = .counted(left - count)
            return (count, count == left)
        case .marked(var search):
            let end = search.end(in: bytes)
            form = .marked(search)
            return (end ?? bytes.count, end != nil)
        }
    }
}

/// Searches a stream, in pieces, for a mark (Horspool's algorithm).
private struct MarkSearch {
    static let length = 40

    private let mark: [UInt8]
    /// By byte: how far the mark can be moved if this byte is under its end.
    private let shifts: [UInt8]
    /// The last bytes before the piece, fewer than the mark has.
    private var tail: [UInt8] = []

    init(_ mark: [UInt8]) {
        self.mark = mark
        var shifts = [UInt8](repeating: UInt8(Self.length), count: 256)
        for (index, byte) in mark.dropLast().enumerated() { shifts[Int(byte)] = UInt8(Self.length - 1 - index) }
        self.shifts = shifts
    }

    /// - Returns: the index after the mark in this piece.
    mutating func end(in bytes: UnsafeRawBufferPointer) -> Int? {
        // Where the pieces meet.
        let seam = tail + bytes.prefix(Self.length - 1)
        if let end = seam.withUnsafeBytes({ find(in: $0) }) { return end - tail.count }
        if let end = find(in: bytes) { return end }
        tail = Array((bytes.count < Self.length ? seam : Array(bytes.suffix(Self.length))).suffix(Self.length - 1))
        return nil
    }

    private func find(in bytes: UnsafeRawBufferPointer) -> Int? {
        var end = Self.length
        while end <= bytes.count {
            let last = bytes[end - 1]
            if last == mark[Self.length - 1], bytes[(end - Self.length)..<end].elementsEqual(mark) { return end }
            end += Int(shifts[Int(last)])
        }
        return nil
    }
}
