import Backplane

/// A second decoder of payloads, written from the description of the format alone: slow, simple, and sharing no code with
/// the real one, so that a mistake would have to be made twice to go unseen. It takes what .NET's `ulong.Parse` and
/// `BinaryReader` take.
enum ReferenceDecoder {
    /// - Returns: nil for anything that a real node throws at.
    static func decode(_ payload: [UInt8]) -> Envelope? {
        guard let space = payload.firstIndex(of: 0x20), let id = id(payload[..<space]) else { return nil }

        var rest = payload[(space + 1)...]
        guard let length = integer(4, &rest), length >= 0 else { return nil }
        rest = rest.prefix(length)
        guard let count = integer(4, &rest) else { return nil }
        var messages: [Message] = []
        // A message takes at least ten bytes, so this ends early enough for any count.
        while messages.count < count {
            guard let message = message(&rest) else { return nil }
            messages.append(message)
        }
        guard let ticks = integer(8, &rest), (0...3_155_378_975_999_999_999).contains(ticks) else { return nil }
        return Envelope(id: id, body: ScaleoutMessage(messages: messages, createdTicks: Int64(ticks)))
    }

    private static func id(_ text: ArraySlice<UInt8>) -> UInt64? {
        let white: Set<UInt8> = [9, 10, 11, 12, 13]
        var rest = text.drop { white.contains($0) }
        let isNegative = rest.first == 0x2D
        if isNegative || rest.first == 0x2B { rest = rest.dropFirst() }
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        rest = rest.dropFirst(digits.count).drop { white.contains($0) }
        guard rest.allSatisfy({ $0 == 0 }), let id = UInt64(String(decoding: digits, as: UTF8.self)) else { return nil }
        return isNegative && id > 0 ? nil : id
    }

    private static func message(_ rest: inout ArraySlice<UInt8>) -> Message? {
        guard let source = string(&rest), let key = string(&rest),
            let length = integer(4, &rest), length >= 0, let value = take(length, &rest),
            let commandID = string(&rest), let waitForAck = take(1, &rest),
            let isAck = take(1, &rest), let filter = string(&rest)
        else { return nil }
        return Message(
            source: source, key: key, value: value, commandID: commandID, waitForAck: waitForAck != [0],
            isAck: isAck != [0], filter: filter)
    }

    private static func string(_ rest: inout ArraySlice<UInt8>) -> String? {
        var length = 0
        for place in 0..<5 {
            guard let byte = take(1, &rest)?[0] else { return nil }
            length += Int(byte % 128) << (7 * place)
            if byte < 128 {
                // 32 bits, whose highest is the sign.
                length %= 1 << 32
                guard length < 1 << 31 else { return nil }
                return take(length, &rest).map { String(decoding: $0, as: UTF8.self) }
            }
        }
        return nil
    }

    /// Little-endian, signed.
    private static func integer(_ size: Int, _ rest: inout ArraySlice<UInt8>) -> Int? {
        guard let bytes = take(size, &rest) else { return nil }
        let unsigned = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return size == 4 ? Int(Int32(truncatingIfNeeded: unsigned)) : Int(Int64(bitPattern: unsigned))
    }

    private static func take(_ count: Int, _ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
