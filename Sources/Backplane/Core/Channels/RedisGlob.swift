/// Redis' glob patterns, for PSUBSCRIBE, PUBSUB CHANNELS and ACLs.
package enum RedisGlob {
    /// A pattern that matches this text.
    ///
    /// What means something in a pattern is escaped. White space and NUL become `?`, for Redis takes no ACL that holds
    /// them, and an ACL must hold a pattern of PSUBSCRIBE literally: generic hubs have spaces in their names. Quotes do
    /// as well: redis-cli and files of ACLs take them for the beginning of a quoted word.
    package static func escaped(_ text: some Sequence<UInt8>) -> [UInt8] {
        var pattern: [UInt8] = []
        for byte in text {
            switch byte {
            case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "\\"):
                pattern.append(UInt8(ascii: "\\"))
                pattern.append(byte)
            case 0x00, 0x09...0x0D, 0x20, UInt8(ascii: "\""), UInt8(ascii: "'"): pattern.append(UInt8(ascii: "?"))
            default: pattern.append(byte)
            }
        }
        return pattern
    }
}
