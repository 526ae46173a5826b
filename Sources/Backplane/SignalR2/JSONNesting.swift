/// The arrays and objects that a JSON scanner is in: a stack of bits, so that its depth is bounded and costs no memory.
struct JSONNesting {
    enum Container {
        case array
        case object

        var closingByte: UInt8 {
            switch self {
            case .array: UInt8(ascii: "]")
            case .object: UInt8(ascii: "}")
            }
        }
    }

    private var depth = 0
    /// One bit for each level, the innermost in bit 0; 1 is an object.
    private var objects: UInt64 = 0

    var innermost: Container? {
        guard depth > 0 else { return nil }
        return objects & 1 == 1 ? .object : .array
    }

    /// - Returns: false if it is too deep for that.
    mutating func open(_ container: Container) -> Bool {
        guard depth < JSONScanner.maximumDepth else { return false }
        depth += 1
        objects = objects << 1 | (container == .object ? 1 : 0)
        return true
    }

    mutating func close() {
        depth -= 1
        objects >>= 1
    }
}
