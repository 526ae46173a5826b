import JSON

/// A call of a client method in the value of a hub message: `{"H":hub,"M":method,"A":[arguments],"S":{..}}`.
///
/// Found in place, without a tree and without allocation. Valid as long as the value's memory.
///
/// Source: `Hubs/ClientHubInvocation.cs` of SignalR 2.
package struct HubInvocation {
    let hubText: JSONString
    let methodText: JSONString
    /// Number of arguments.
    package let argumentCount: Int
    /// The JSON array of the arguments, including brackets.
    package let arguments: UnsafeRawBufferPointer

    /// Accepts members in any order and unknown ones; of duplicate names the last counts.
    ///
    /// - Returns: nil if the value is not a call: not JSON, or without the strings `H` and `M` and the array `A`, like
    ///   a progress report (`{"I":"P|0","P":{..}}`).
    package init?(scanning value: UnsafeRawBufferPointer) {
        var hub: JSONString?
        var method: JSONString?
        var arguments: (count: Int, text: UnsafeRawBufferPointer)?
        var scanner = JSONScanner(value)
        let isObject = scanner.object { scanner, name in
            switch name.onlyByte {
            case UInt8(ascii: "H"):
                hub = scanner.string()
                return hub != nil
            case UInt8(ascii: "M"):
                method = scanner.string()
                return method != nil
            case UInt8(ascii: "A"):
                arguments = scanner.countedArray()
                return arguments != nil
            default:
                return scanner.skipValue()
            }
        }
        guard isObject, scanner.peek() == nil, let hub, let method, let arguments else { return nil }
        hubText = hub
        methodText = method
        argumentCount = arguments.count
        self.arguments = arguments.text
    }

    /// The hub's name in JSON, escapes not decoded: the cheapest key for counting.
    package var hub: UnsafeRawBufferPointer { hubText.raw }

    /// The method's name in JSON, escapes not decoded.
    package var method: UnsafeRawBufferPointer { methodText.raw }

    /// The hub's name. Lone surrogates and malformed UTF-8 become U+FFFD.
    package var hubName: String { hubText.decoded }

    /// The method's name. Lone surrogates and malformed UTF-8 become U+FFFD.
    package var methodName: String { methodText.decoded }
}

/// Renames the hub in a client call; the rest of the value is unchanged byte for byte.
package enum HubRename {
    /// - Parameters:
    ///   - value: of a message.
    ///   - names: new name by hub name.
    /// - Returns: the unchanged value if it does not call one of these hubs.
    package static func renamed(_ value: [UInt8], by names: [CaselessName: String]) -> [UInt8] {
        value.withUnsafeBytes { bytes in
            guard let call = HubInvocation(scanning: bytes), let name = names[CaselessName(call.hubName)],
                let start = call.hub.baseAddress, let base = bytes.baseAddress
            else { return value }
            var writer = JSONWriter()
            writer.string(name)
            let offset = start - base
            // Both the old and the new text include quotation marks.
            return Array(bytes[..<(offset - 1)]) + writer.bytes + Array(bytes[(offset + call.hub.count + 1)...])
        }
    }
}

/// Hub and method of a call, found by reading only the start of the value: nodes write `{"H":hub,"M":method,...`.
///
/// For counting; ``HubInvocation`` validates everything. Valid as long as the value's memory.
package struct HubCallName {
    /// The bytes containing both names including the quotation marks between them: the same for each call of this
    /// method.
    package let key: UnsafeRawBufferPointer
    private let hubLength: Int

    /// The text before the names, as one word: no call is short enough to end within it.
    private struct Piece {
        let count: Int
        let word: UInt64

        /// `{"H":"`
        static var head: Piece { Piece(count: 6, word: 0x0000_223A_2248_227B) }
        /// `","M":"`
        static var middle: Piece { Piece(count: 7, word: 0x0022_3A22_4D22_2C22) }

        @inline(__always)
        func stands(in value: UnsafeRawBufferPointer, at offset: Int) -> Bool {
            guard value.count &- offset >= 8 else { return false }
            let found = UInt64(littleEndian: value.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            return (found ^ word) << UInt64(64 - 8 * count) == 0
        }
    }

    /// - Returns: nil if it begins differently, or a name is escaped.
    @inline(__always)
    package init?(quickly value: UnsafeRawBufferPointer) {
        let start = Piece.head.count
        guard Piece.head.stands(in: value, at: 0), let hubEnd = Self.end(of: value, from: start),
            Piece.middle.stands(in: value, at: hubEnd)
        else { return nil }
        let methodStart = hubEnd + Piece.middle.count
        guard let methodEnd = Self.end(of: value, from: methodStart) else { return nil }
        hubLength = hubEnd - start
        key = UnsafeRawBufferPointer(rebasing: value[start..<methodEnd])
    }

    /// Malformed UTF-8 becomes U+FFFD.
    package var hub: String { String(decoding: key[..<hubLength], as: UTF8.self) }
    /// The method, decoded.
    package var method: String {
        String(decoding: key[(key.startIndex + hubLength + Piece.middle.count)...], as: UTF8.self)
    }

    /// The end of the string that begins here; nil if it has escapes or no end.
    @inline(__always)
    private static func end(of value: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start
        // Eight bytes at a time while possible.
        while index &+ 8 <= value.count {
            let word = UInt64(littleEndian: value.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let stops = marked(UInt8(ascii: "\""), in: word) | marked(UInt8(ascii: "\\"), in: word)
            if stops != 0 {
                index &+= stops.trailingZeroBitCount / 8
                return value[index] == UInt8(ascii: "\"") ? index : nil
            }
            index &+= 8
        }
        while index < value.count {
            if value[index] == UInt8(ascii: "\"") { return index }
            if value[index] == UInt8(ascii: "\\") { return nil }
            index &+= 1
        }
        return nil
    }

    /// The highest bit of each byte equal to `byte`, exact up to the first one (Mycroft, 1987).
    @inline(__always)
    private static func marked(_ byte: UInt8, in word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let difference = word ^ (ones &* UInt64(byte))
        return (difference &- ones) & ~difference & 0x8080_8080_8080_8080
    }
}
