import CHiredis

/// The parts of RESP3 on a subscribing connection that hiredis 0.14 cannot read: pushes, which contain messages and
/// confirmations, and the map in the reply to HELLO.
enum RESP3Reply {
    /// At the start of a reply, turns the type of a push into that of an array, as in RESP2, and skips a map, of which
    /// nothing is needed.
    ///
    /// - Parameter replies: gets an empty array for a map.
    /// - Returns: false if there is nothing to read yet. hiredis must not be called then: it would begin a reply, and appear
    ///   to be inside one.
    static func adapt(_ reader: UnsafeMutablePointer<redisReader>, _ replies: inout [RESPValue]) -> Bool {
        while reader.pointee.pos < reader.pointee.len, let buffer = reader.pointee.buf {
            guard reader.pointee.ridx == -1 else { return true }
            switch UInt8(bitPattern: buffer[reader.pointee.pos]) {
            case UInt8(ascii: ">"):
                buffer[reader.pointee.pos] = CChar(bitPattern: UInt8(ascii: "*"))
                return true
            case UInt8(ascii: "%"):
                let unread = UnsafeRawBufferPointer(start: buffer, count: reader.pointee.len)
                    .dropFirst(reader.pointee.pos)
                guard let count = length(UnsafeRawBufferPointer(rebasing: unread)) else { return false }
                reader.pointee.pos += count
                replies.append(.array([]))
            default: return true
            }
        }
        return false
    }

    /// Maximum number of elements; more are treated as damage.
    private static let mostElements = 1 << 16

    /// Length of the value that the bytes begin with, including everything in it.
    ///
    /// - Returns: nil if it is not complete, or not a value.
    static func length(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var position = 0
        var missing = 1
        while missing > 0 {
            guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")), end > position else { return nil }
            let type = bytes[position]
            let line = bytes[(position + 1)..<end]
            position = end + 1
            missing -= 1
            switch type {
            case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"):
                guard let count = number(line) else { return nil }
                // -1 is null.
                if count >= 0 { position += count + 2 }
            case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: ">"):
                guard let count = number(line), count <= mostElements else { return nil }
                missing += max(0, count)
            case UInt8(ascii: "%"), UInt8(ascii: "|"):
                guard let count = number(line), count <= mostElements else { return nil }
                // An attribute precedes the value that it belongs to.
                missing += max(0, count) * 2 + (type == UInt8(ascii: "|") ? 1 : 0)
            default: break
            }
            guard position <= bytes.count, missing <= mostElements else { return nil }
        }
        return position
    }

    private static func number(_ line: Slice<UnsafeRawBufferPointer>) -> Int? {
        let digits = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        guard digits.count <= 10 else { return nil }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}
