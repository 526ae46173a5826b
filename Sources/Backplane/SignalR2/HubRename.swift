import JSON

/// Gives the hub of a client call another name; everything else of the value stays byte for byte.
package enum HubRename {
    /// - Parameters:
    ///   - value: of a message.
    ///   - names: hub name to the new one.
    /// - Returns: the value as it is if it calls no hub of these.
    package static func renamed(_ value: [UInt8], by names: [CaselessName: String]) -> [UInt8] {
        value.withUnsafeBytes { bytes in
            guard let call = HubInvocation(scanning: bytes), let name = names[CaselessName(call.hubName)],
                let start = call.hub.baseAddress, let base = bytes.baseAddress
            else { return value }
            var writer = JSONWriter()
            writer.string(name)
            let offset = start - base
            // The text stands between quotation marks, as the new one does.
            return Array(bytes[..<(offset - 1)]) + writer.bytes + Array(bytes[(offset + call.hub.count + 1)...])
        }
    }
}
