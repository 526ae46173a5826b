import SignalRBackplane

/// A second decoder of payloads, written from the description of the format alone: slow, simple, and sharing no code with
/// the real one, so that a mistake would have to be made twice to go unseen.
enum ReferenceDecoder {
    /// - Returns: nil for anything that is not exactly one envelope.
    static func decode(_ payload: [UInt8]) -> Envelope? {
        guard let space = payload.firstIndex(of: 0x20), space > 0,
            payload[..<space].allSatisfy({ (0x30...0x39).contains($0) }),
            let id = UInt64(String(decoding: payload[..<space], as: UTF8.self))
        else { return nil }

        var rest = payload[(space + 1)...]
        guard let length = integer(4, &rest), length == rest.count,
            let count = integer(4, &rest), count >= 0
        else { return nil }
        var messages: [Message] = []
        // A message takes at least ten bytes, so this ends early enough for any count.
        while messages.count < count {
            guard let message = message(&rest) else { return nil }
            messages.append(message)
        }
        guard let ticks = integer(8, &rest), rest.isEmpty else { return nil }
        return Envelope(id: id, body: ScaleoutMessage(messages: messages, createdTicks: Int64(ticks)))
    }

    private static func message(_ rest: inout ArraySlice<UInt8>) -> Message? {
        guard let source = string(&rest), let key = string(&rest),
            let length = integer(4, &rest), length >= 0, let value = take(length, &rest),
            let commandID = string(&rest), let waitForAck = take(1, &rest), waitForAck[0] <= 1,
            let isAck = take(1, &rest), isAck[0] <= 1, let filter = string(&rest)
        else { return nil }
        return Message(
            source: source, key: key, value: value, commandID: commandID, waitForAck: waitForAck == [1],
            isAck: isAck == [1], filter: filter)
    }

    private static func string(_ rest: inout ArraySlice<UInt8>) -> String? {
        var length = 0
        for place in 0..<5 {
            guard let byte = take(1, &rest)?[0] else { return nil }
            length += Int(byte % 128) << (7 * place)
            if byte < 128 {
                guard length <= Int(Int32.max) else { return nil }
                return take(length, &rest).flatMap { String(validating: $0, as: UTF8.self) }
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
