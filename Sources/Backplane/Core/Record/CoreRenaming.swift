/// New names for channel prefixes, hubs, groups and users when envelopes are published elsewhere. Other names stay.
///
/// All names are compared byte for byte, as Redis compares channels. A hub is given by its full type name, or by the
/// name of its class, whose case does not matter.
package struct CoreRenaming: Sendable, Equatable {
    /// New channel prefix by old prefix. The empty prefix can be a key or a value.
    package var prefixes: OrdinalNameMap<String>
    /// New full type name by old one, or by the name of the class.
    package var hubs: OrdinalNameMap<String>
    /// New group name by old one.
    package var groups: OrdinalNameMap<String>
    /// New user id by old one.
    package var users: OrdinalNameMap<String>

    /// - Parameters: the new name by the old one.
    package init(
        prefixes: OrdinalNameMap<String> = [:], hubs: OrdinalNameMap<String> = [:],
        groups: OrdinalNameMap<String> = [:], users: OrdinalNameMap<String> = [:]
    ) {
        self.prefixes = prefixes
        self.hubs = hubs
        self.groups = groups
        self.users = users
    }

    /// The hub under its new prefix and type name.
    package func target(of hub: CoreHub) -> CoreHub {
        CoreHub(prefix: prefixes[hub.prefix] ?? hub.prefix, type: type(of: hub.type) ?? hub.type)
    }

    private func type(of type: String) -> String? {
        if let exact = hubs[type] { return exact }
        return hubs.keys.sorted().first { Self.names($0, type) }.flatMap { hubs[$0] }
    }

    /// Whether a name given by an operator means a hub of this type.
    package static func names(_ name: String, _ type: String) -> Bool {
        if name.isSameOrdinally(as: type) { return true }
        var type = type
        return type.withUTF8 { CaselessName(name).equals(CoreEnvelopeView.className(UnsafeRawBufferPointer($0))) }
    }

    /// The new name of a group or user.
    ///
    /// - Returns: nil if the name stays.
    package func renamed(_ kind: CoreKind, _ name: UnsafeRawBufferPointer) -> String? {
        switch kind {
        case .group: groups.isEmpty ? nil : groups[String(decoding: name, as: UTF8.self)]
        case .user: users.isEmpty ? nil : users[String(decoding: name, as: UTF8.self)]
        case .all, .connection, .groupCommand, .ack, .result: nil
        }
    }
}
