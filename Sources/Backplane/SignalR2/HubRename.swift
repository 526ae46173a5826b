import JSON

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
