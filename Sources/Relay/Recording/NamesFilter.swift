import Backplane
package import Cryptography

/// As what the names of a person stand in a capture that was recorded with hashed names, to find them by.
package struct HashedNames {
    private let filter: NamesFilter

    /// - Parameter key: that of the recording.
    package init(key: SymmetricKey) {
        filter = NamesFilter(key: key)
    }

    /// As SignalR 2 compares users, and as ASP.NET Core does.
    package func user(_ name: String) -> [String] {
        [filter.caseless(name, .user), filter.hash(Array(name.utf8), .user)]
    }

    package func connection(_ id: String) -> String { filter.connection(id) }
}

/// Replaces names of groups and users and ids of connections by keyed hashes: equal names have equal hashes under one
/// key, in every capture. Hubs, methods, event keys and nodes stay.
///
/// In SignalR 2 groups and users are case-insensitive, so names that differ only in case have the same hash.
struct NamesFilter {
    fileprivate enum Kind: String {
        case group = "g"
        case user = "u"
        case connection = "c"
    }

    private let key: SymmetricKey

    init(key: SymmetricKey) {
        self.key = key
    }

    fileprivate func hash(_ name: some Collection<UInt8>, _ kind: Kind) -> String {
        HMACSHA256.code(of: Array(kind.rawValue.utf8) + Array(name), key: key).bytes.prefix(
            PayloadFilter.hashDigits / 2
        ).hex
    }

    // MARK: - SignalR 2

    func rename(_ message: inout Message) {
        message.source = connection(message.source)
        message.key = signal(message.key)
        if !message.filter.isEmpty {
            message.filter = message.filter.split(separator: "|", omittingEmptySubsequences: false)
                .map { signal(String($0)) }.joined(separator: "|")
        }
        guard !message.commandID.isEmpty, var command = try? Command(decoding: message.value), let group = command.value
        else { return }
        command.value = signal(group)
        message.value = command.encoded()
    }

    fileprivate func connection(_ id: String) -> String { hash(Array(id.utf8), .connection) }

    fileprivate func caseless(_ name: String, _ kind: Kind) -> String {
        hash(Array(CaselessName(name).description.utf8), kind)
    }

    private func signal(_ key: String) -> String {
        switch Signal(key: key) {
        case .hub, .persistentConnection, .ack: key
        case .client(let hub, let id): Signal.client(hub: hub, connectionID: connection(id)).key
        case .group(let hub, let group): Signal.group(hub: hub, group: caseless(group, .group)).key
        case .user(let hub, let user): Signal.user(hub: hub, userID: caseless(user, .user)).key
        case .connection(let id): Signal.connection(connection(id)).key
        case .persistentConnectionGroup(let type, let group):
            Signal.persistentConnectionGroup(type: type, group: caseless(group, .group)).key
        // The meaning of the name is unknown.
        case .other(let key): caseless(key, .group)
        }
    }

    // MARK: - ASP.NET Core

    /// - Parameter rootCount: bytes of the channel that name the hub.
    func renamed(channel: UnsafeRawBufferPointer, rootCount: Int) -> [UInt8] {
        guard channel.count > rootCount, let name = CoreChannelName(channel, rootCount: rootCount) else {
            return Array(channel.prefix(rootCount)) + Array(":".utf8)
                + Array(hash(channel.dropFirst(rootCount), .group).utf8)
        }
        let kind: Kind
        switch name.kind {
        case .group: kind = .group
        case .user: kind = .user
        case .connection: kind = .connection
        case .all, .groupCommand, .ack, .result: return Array(channel)
        }
        return Array(channel.dropLast(name.name.count)) + Array(hash(name.name, kind).utf8)
    }

    func rename(_ payload: inout CorePayload) {
        switch payload {
        case .invocation(var invocation):
            invocation.excluded = invocation.excluded.map { connection($0) }
            payload = .invocation(invocation)
        case .groupCommand(var command):
            command.group = hash(Array(command.group.utf8), .group)
            command.connection = connection(command.connection)
            payload = .groupCommand(command)
        case .ack, .completion: break
        }
    }
}
