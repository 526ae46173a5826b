/// Removes the captured id from a payload, so that the target's own script can assign a new one.
///
/// Publishing a captured id again would make real nodes deliver endlessly or go deaf: the target's counter must stay
/// dense and ascending.
package enum Reissue {
    /// The blob after the id.
    ///
    /// - Returns: nil if the payload does not begin with a number and a space, so was not published by the script.
    package static func blob(of payload: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        if let (_, offset) = try? EnvelopeID.parse(payload) {
            return UnsafeRawBufferPointer(rebasing: payload[offset...])
        }
        // From 1e14 on Lua writes the counter as 1e+14: not an id for real nodes, but a blob follows.
        let prefix = payload.prefix { $0 != UInt8(ascii: " ") }
        guard prefix.count < payload.count, !prefix.isEmpty, prefix.count <= 24, prefix.allSatisfy(isOfNumber) else {
            return nil
        }
        return UnsafeRawBufferPointer(rebasing: payload[(prefix.count + 1)...])
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "+"): true
        default: false
        }
    }
}
