import JSON

extension CoreHubMessage {
    private static let recordSeparator: UInt8 = 0x1E

    /// Reads a JSON message with members in any order and unknown ones; of duplicate names the last counts.
    ///
    /// - Parameter part: begins with the message; more may follow.
    init(json payload: UnsafeRawBufferPointer, in part: Range<Int>) throws(CoreError) {
        guard payload.count < CoreSpan.limit else { throw CoreError(.outOfRange, at: part.lowerBound) }
        self.init(payload, .json)
        var fields = Fields(base: part.lowerBound)
        var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: payload[part]))
        let isObject = scanner.object { scanner, name in fields.read(name, &scanner, &self) }
        if let failure = fields.failure { throw failure }
        guard isObject else {
            throw CoreError(.notJSON, at: min(part.lowerBound + scanner.position, part.upperBound))
        }
        guard scanner.consume(Self.recordSeparator) else {
            throw CoreError(.unterminated, at: part.lowerBound + scanner.position)
        }
        guard fields.hasType else { throw CoreError(.missingField, at: part.lowerBound) }
        span = CoreSpan(part.lowerBound, part.lowerBound + scanner.position)
        try checkFields()
    }

    /// Checks the fields that a client requires for each type.
    func checkFields() throws(CoreError) {
        let isWhole =
            switch type {
            case .invocation: !targetSpan.isNone && !argumentsSpan.isNone
            case .streamInvocation: !targetSpan.isNone && !argumentsSpan.isNone && !invocationIDSpan.isNone
            case .streamItem: !invocationIDSpan.isNone && !valueSpan.isNone
            case .completion, .cancelInvocation: !invocationIDSpan.isNone
            case .ping, .close, .ack, .sequence, nil: true
            }
        guard isWhole else { throw CoreError(.missingField, at: range.lowerBound) }
    }
}

private struct Fields {
    let base: Int
    var hasType = false
    var failure: CoreError?

    init(base: Int) {
        self.base = base
    }

    mutating func read(_ name: JSONString, _ scanner: inout JSONScanner, _ message: inout CoreHubMessage) -> Bool {
        guard !name.hasEscapes else { return readEscaped(name, &scanner, &message) }
        return read(Name(name.raw), &scanner, &message)
    }

    private mutating func readEscaped(
        _ name: JSONString, _ scanner: inout JSONScanner, _ message: inout CoreHubMessage
    ) -> Bool {
        var decoded = name.decoded
        let known = decoded.withUTF8 { Name(UnsafeRawBufferPointer($0)) }
        return read(known, &scanner, &message)
    }

    private enum Name {
        case type, target, arguments, invocationID, streamIDs, headers, value, error, other

        @inline(__always)
        init(_ name: UnsafeRawBufferPointer) {
            switch name.count {
            case 4: self = Self.equal(name, "type") ? .type : Self.equal(name, "item") ? .value : .other
            case 5: self = Self.equal(name, "error") ? .error : .other
            case 6: self = Self.equal(name, "target") ? .target : Self.equal(name, "result") ? .value : .other
            case 7: self = Self.equal(name, "headers") ? .headers : .other
            case 9:
                self = Self.equal(name, "arguments") ? .arguments : Self.equal(name, "streamIds") ? .streamIDs : .other
            case 12: self = Self.equal(name, "invocationId") ? .invocationID : .other
            default: self = .other
            }
        }

        /// Both are equally long.
        @inline(__always)
        private static func equal(_ name: UnsafeRawBufferPointer, _ known: StaticString) -> Bool {
            let start = known.utf8Start
            for index in 0..<name.count where name[index] != start[index] { return false }
            return true
        }
    }

    @inline(__always)
    private mutating func read(
        _ name: Name, _ scanner: inout JSONScanner, _ message: inout CoreHubMessage
    ) -> Bool {
        let first = scanner.peek()
        let start = base &+ scanner.position
        switch name {
        case .type:
            guard let number = scanner.number() else { return refuse(first, start) }
            guard let integer = Self.integer(number) else { return refuse(first, start, .outOfRange) }
            message.typeNumber = integer
            hasType = true
            return true
        case .invocationID: return text(&message.invocationIDSpan, &scanner, first, start)
        case .target: return text(&message.targetSpan, &scanner, first, start)
        case .error: return text(&message.errorSpan, &scanner, first, start)
        case .arguments: return elements(&message.argumentsSpan, &message.argumentCount, &scanner, first, start)
        case .streamIDs: return elements(&message.streamIDsSpan, &message.streamIDCount, &scanner, first, start)
        case .headers:
            guard first == UInt8(ascii: "{") else { return refuse(first, start) }
            guard scanner.skipValue() else { return false }
            message.headersSpan = CoreSpan(start, base &+ scanner.position)
            return true
        case .value:
            guard scanner.skipValue() else { return false }
            message.valueSpan = CoreSpan(start, base &+ scanner.position)
            return true
        case .other: return scanner.skipValue()
        }
    }

    /// A string, or null.
    @inline(__always)
    private mutating func text(
        _ span: inout CoreSpan, _ scanner: inout JSONScanner, _ first: UInt8?, _ start: Int
    ) -> Bool {
        switch first {
        case UInt8(ascii: "\""):
            guard scanner.string() != nil else { return false }
            span = CoreSpan(start, base &+ scanner.position)
            return true
        case UInt8(ascii: "n"):
            span = .none
            return scanner.consume(literal: "null")
        default: return refuse(first, start)
        }
    }

    @inline(__always)
    private mutating func elements(
        _ span: inout CoreSpan, _ count: inout UInt32, _ scanner: inout JSONScanner, _ first: UInt8?, _ start: Int
    ) -> Bool {
        guard first == UInt8(ascii: "[") else { return refuse(first, start) }
        guard let elements = scanner.countElements() else { return false }
        count = UInt32(truncatingIfNeeded: elements)
        span = CoreSpan(start, base &+ scanner.position)
        return true
    }

    /// Notes a value of the wrong type; a missing value is not JSON.
    private mutating func refuse(
        _ first: UInt8?, _ start: Int, _ reason: CoreError.Reason = .wrongType
    ) -> Bool {
        if first != nil { failure = CoreError(reason, at: start) }
        return false
    }

    private static func integer(_ text: UnsafeRawBufferPointer) -> Int? {
        var value = 0
        guard text.count <= 9 else { return nil }
        for digit in text {
            guard digit &- UInt8(ascii: "0") < 10 else { return nil }
            value = value * 10 + Int(digit &- UInt8(ascii: "0"))
        }
        return value
    }
}
