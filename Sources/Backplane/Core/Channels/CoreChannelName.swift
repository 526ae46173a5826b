/// Kind and name of a hub's Redis channel, read in place. Valid as long as the channel's memory.
package struct CoreChannelName {
    /// What the channel is for.
    package let kind: CoreKind
    /// Expected to be UTF-8: the group, user, connection or server. Empty for kinds without a name.
    package let name: UnsafeRawBufferPointer

    /// The name; U+FFFD for what is not UTF-8.
    package var nameText: String { String(decoding: name, as: UTF8.self) }

    /// - Parameters:
    ///   - channel: begins with the hub's root (prefix and type), which is not checked.
    ///   - rootCount: bytes of the root. Names may contain anything, so only this shows where the hub ends.
    /// - Returns: nil if it is not a channel of the hub, or the name is empty, which nodes reject.
    @inline(__always)
    package init?(_ channel: UnsafeRawBufferPointer, rootCount: Int) {
        // The shortest is ":all".
        guard channel.count &- rootCount >= 4, channel[rootCount] == UInt8(ascii: ":") else { return nil }
        switch channel[rootCount &+ 1] {
        case UInt8(ascii: "a"): self.init(.all, channel, rootCount)
        case UInt8(ascii: "g"): self.init(.group, channel, rootCount)
        case UInt8(ascii: "u"): self.init(.user, channel, rootCount)
        case UInt8(ascii: "c"): self.init(.connection, channel, rootCount)
        case UInt8(ascii: "i") where channel.count &- rootCount > 14:
            switch channel[rootCount &+ 10] {
            case UInt8(ascii: "g"): self.init(.groupCommand, channel, rootCount)
            case UInt8(ascii: "a"): self.init(.ack, channel, rootCount)
            case UInt8(ascii: "r"): self.init(.result, channel, rootCount)
            default: return nil
            }
        default: return nil
        }
    }

    @inline(__always)
    private init?(_ kind: CoreKind, _ channel: UnsafeRawBufferPointer, _ rootCount: Int) {
        let infix = kind.infix
        let left = channel.count &- rootCount &- infix.utf8CodeUnitCount
        guard kind.isNamed ? left > 0 : left == 0 else { return nil }
        for index in 0..<infix.utf8CodeUnitCount where channel[rootCount &+ index] != infix.utf8Start[index] {
            return nil
        }
        self.kind = kind
        name = UnsafeRawBufferPointer(rebasing: channel[(channel.count &- left)...])
    }
}
