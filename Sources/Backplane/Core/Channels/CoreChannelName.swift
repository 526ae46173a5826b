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

/// What a Redis channel of a hub is for, few enough to be a metric label.
///
/// Source: `Internal/RedisChannels.cs` of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
package enum CoreKind: UInt8, CaseIterable, Sendable {
    case all
    case group
    case user
    case connection
    case groupCommand
    case ack
    /// A client's answer to a call that waits for its result.
    case result

    /// Stable snake_case name, for the `kind` label of metrics.
    package var label: String {
        switch self {
        case .all: "all"
        case .group: "group"
        case .user: "user"
        case .connection: "connection"
        case .groupCommand: "group_command"
        case .ack: "ack"
        case .result: "result"
        }
    }

    /// The text after the hub's root; a name follows if it ends with a colon.
    package var infix: StaticString {
        switch self {
        case .all: ":all"
        case .group: ":group:"
        case .user: ":user:"
        case .connection: ":connection:"
        case .groupCommand: ":internal:groups"
        case .ack: ":internal:ack:"
        case .result: ":internal:return:"
        }
    }

    /// Whether a name follows: of the group, user, connection or server.
    package var isNamed: Bool {
        switch self {
        case .all, .groupCommand: false
        case .group, .user, .connection, .ack, .result: true
        }
    }
}

/// The name that a node gives itself for each hub: `<machine name>_<guid, 32 lower-case hexadecimal digits>`, a new one
/// at each start of the process.
///
/// Source: `RedisHubLifetimeManager.cs` of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
package struct CoreServerName: Hashable, Sendable {
    /// May contain `_`.
    package let machine: String
    /// 32 lower-case hexadecimal digits.
    package let guid: String

    /// - Returns: nil for any other form.
    package init?(_ name: some BidirectionalCollection<UInt8>) {
        guard name.count >= 33 else { return nil }
        let guid = name.suffix(32)
        let isGUID = guid.allSatisfy { digit in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(digit)
        }
        let machine = name.dropLast(32)
        guard isGUID, machine.last == UInt8(ascii: "_") else { return nil }
        self.machine = String(decoding: machine.dropLast(), as: UTF8.self)
        self.guid = String(decoding: guid, as: UTF8.self)
    }

    /// The same for text.
    package init?(_ name: String) { self.init(Array(name.utf8)) }
}
