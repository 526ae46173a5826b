/// Finds where one reply of a Redis ends and the next begins. For replies that are whole and right.
struct ReplyBoundaries {
    /// Elements still to come, of each array that is open.
    private var open: [Int] = []
    /// Bytes of a bulk string still to come, its line end included.
    private var bulk = 0
    private var line: [UInt8] = []

    /// True between two replies.
    var isAtBoundary: Bool { open.isEmpty && bulk == 0 && line.isEmpty }

    /// Goes through `bytes`, up to the first boundary if there is one.
    ///
    /// - Returns: how many bytes belong before it; nil if there is none in `bytes`.
    mutating func advance(_ bytes: some Collection<UInt8>) -> Int? {
        var rest = bytes[...]
        var done = 0
        while !rest.isEmpty {
            if bulk > 0 {
                let taken = rest.prefix(bulk).count
                bulk -= taken
                done += taken
                rest = rest.dropFirst(taken)
                if bulk == 0 { complete() }
            } else {
                let byte = rest.removeFirst()
                done += 1
                line.append(byte)
                if byte == UInt8(ascii: "\n") { endLine() }
            }
            if isAtBoundary { return done }
        }
        return nil
    }

    private mutating func endLine() {
        let number = Int(String(decoding: line.dropFirst().dropLast(2), as: UTF8.self)) ?? 0
        let type = line.first
        line = []
        switch type {
        case UInt8(ascii: "*") where number > 0: open.append(number)
        case UInt8(ascii: "$") where number >= 0: bulk = number + 2
        default: complete()
        }
    }

    private mutating func complete() {
        while let last = open.popLast() {
            if last > 1 {
                open.append(last - 1)
                return
            }
        }
    }
}
