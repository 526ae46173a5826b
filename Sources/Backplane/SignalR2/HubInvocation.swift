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
