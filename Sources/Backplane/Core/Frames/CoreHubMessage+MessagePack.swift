extension CoreHubMessage {
    private static let error: UInt8 = 1
    private static let void: UInt8 = 2
    private static let result: UInt8 = 3

    /// Reads a MessagePack message: its length in 7-bit groups, least significant first, and an array. Accepts more
    /// items than there are fields, and an invocation without stream ids.
    ///
    /// - Parameter part: begins with the message; more may follow.
    init(messagePack payload: UnsafeRawBufferPointer, in part: Range<Int>) throws(CoreError) {
        guard payload.count < CoreSpan.limit else { throw CoreError(.outOfRange, at: part.lowerBound) }
        let start = try Self.start(of: payload, in: part)
        var reader = MessagePackReader(payload, in: start)
        let count = try reader.arrayCount()
        guard count > 0 else { throw CoreError(.tooFewItems, at: start.lowerBound) }
        self.init(payload, .messagePack)
        span = CoreSpan(part.lowerBound, start.upperBound)
        typeNumber = try reader.integer(as: Int.self)
        try read(&reader, count, at: start.lowerBound)
        try checkFields()
    }

    private mutating func read(
        _ reader: inout MessagePackReader, _ count: Int, at start: Int
    ) throws(CoreError) {
        let least: Int
        switch type {
        case .invocation, .streamInvocation: least = 5
        case .streamItem, .completion: least = 4
        case .cancelInvocation: least = 3
        case .ping, .close, .ack, .sequence, nil:
            for _ in 1..<count { try reader.skipValue() }
            return
        }
        guard count >= least else { throw CoreError(.tooFewItems, at: start) }
        headersSpan = try Self.headers(&reader)
        invocationIDSpan = try Self.text(&reader)
        var taken = least
        switch type {
        case .invocation, .streamInvocation:
            let targetStart = reader.position
            _ = try reader.string()
            targetSpan = CoreSpan(targetStart, reader.position)
            (argumentsSpan, argumentCount) = try Self.elements(&reader)
            if count > least {
                (streamIDsSpan, streamIDCount) = try Self.elements(&reader)
                taken += 1
            }
        case .streamItem:
            valueSpan = try Self.value(&reader)
        case .completion:
            let kindStart = reader.position
            let kind = try reader.integer(as: UInt8.self)
            switch kind {
            case Self.void: break
            case Self.error, Self.result:
                guard count > least else { throw CoreError(.tooFewItems, at: start) }
                taken += 1
                if kind == Self.result {
                    valueSpan = try Self.value(&reader)
                } else {
                    errorSpan = try Self.text(&reader)
                }
            default: throw CoreError(.outOfRange, at: kindStart)
            }
        default: break
        }
        for _ in taken..<count { try reader.skipValue() }
    }

    private static func headers(_ reader: inout MessagePackReader) throws(CoreError) -> CoreSpan {
        let start = reader.position
        let count = try reader.mapCount()
        for _ in 0..<count {
            _ = try reader.string()
            _ = try reader.string()
        }
        return count == 0 ? .none : CoreSpan(start, reader.position)
    }

    /// A string, or nil.
    @inline(__always)
    private static func text(_ reader: inout MessagePackReader) throws(CoreError) -> CoreSpan {
        let start = reader.position
        return try reader.optionalString() == nil ? .none : CoreSpan(start, reader.position)
    }

    private static func value(_ reader: inout MessagePackReader) throws(CoreError) -> CoreSpan {
        let start = reader.position
        try reader.skipValue()
        return CoreSpan(start, reader.position)
    }

    @inline(__always)
    private static func elements(_ reader: inout MessagePackReader) throws(CoreError) -> (CoreSpan, UInt32) {
        let start = reader.position
        let count = try reader.arrayCount()
        for _ in 0..<count { try reader.skipValue() }
        return (CoreSpan(start, reader.position), UInt32(truncatingIfNeeded: count))
    }

    /// - Returns: the array after the length.
    @inline(__always)
    private static func start(
        of payload: UnsafeRawBufferPointer, in part: Range<Int>
    ) throws(CoreError) -> Range<Int> {
        var length = 0
        var position = part.lowerBound
        for shift in stride(from: 0, to: 35, by: 7) {
            guard position < part.upperBound else { throw CoreError(.truncated, at: position) }
            let byte = payload[position]
            position += 1
            length |= Int(byte & 0x7F) << shift
            guard byte >= 0x80 else {
                guard length <= Int(Int32.max) else { break }
                guard length <= part.upperBound - position else {
                    throw CoreError(.lengthBeyondPayload, at: part.lowerBound)
                }
                return position..<position + length
            }
        }
        throw CoreError(.badFrameLength, at: part.lowerBound)
    }
}
