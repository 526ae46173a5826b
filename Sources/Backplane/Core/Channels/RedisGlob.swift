/// Redis' glob patterns, for PSUBSCRIBE, PUBSUB CHANNELS and ACLs.
package enum RedisGlob {
    /// A pattern that matches this text.
    ///
    /// Special characters are escaped. White space and NUL become `?`, because Redis rejects an ACL that contains them,
    /// and the ACL must contain a PSUBSCRIBE pattern literally: generic hubs have spaces in their names.
    package static func escaped(_ text: some Sequence<UInt8>) -> [UInt8] {
        var pattern: [UInt8] = []
        for byte in text {
            switch byte {
            case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "\\"):
                pattern.append(UInt8(ascii: "\\"))
                pattern.append(byte)
            case 0x00, 0x09...0x0D, 0x20: pattern.append(UInt8(ascii: "?"))
            default: pattern.append(byte)
            }
        }
        return pattern
    }
}
