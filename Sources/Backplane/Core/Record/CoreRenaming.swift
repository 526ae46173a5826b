/// Other names for the places that envelopes go to: channel prefixes, hubs, groups and users. What it does not name stays.
///
/// All names are compared byte for byte, as Redis compares channels; a hub goes by its full type name, or by the name of its
/// class in any case.
package struct CoreRenaming: Sendable, Equatable {
    package var prefixes: OrdinalNameMap<String>
    package var hubs: OrdinalNameMap<String>
    package var groups: OrdinalNameMap<String>
    package var users: OrdinalNameMap<String>

    package init(
        prefixes: OrdinalNameMap<String> = [:], hubs: OrdinalNameMap<String> = [:],
        groups: OrdinalNameMap<String> = [:], users: OrdinalNameMap<String> = [:]
    ) {
        self.prefixes = prefixes
        self.hubs = hubs
        self.groups = groups
        self.users = users
    }

    /// The hub that takes the place of this one.
    package func target(of hub: CoreHub) -> CoreHub {
        CoreHub(prefix: prefixes[hub.prefix] ?? hub.prefix, type: type(of: hub.type) ?? hub.type)
    }

    private func type(of type: String) -> String? {
        if let exact = hubs[type] { return exact }
        return hubs.keys.sorted().first { Self.names($0, type) }.flatMap { hubs[$0] }
    }

    /// Whether a name that somebody gives means a hub of this type.
    package static func names(_ name: String, _ type: String) -> Bool {
        if name.isSameOrdinally(as: type) { return true }
        var type = type
        return type.withUTF8 { CaselessName(name).equals(CoreEnvelopeView.className(UnsafeRawBufferPointer($0))) }
    }

    /// The name of a group or user that takes the place of this one.
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
