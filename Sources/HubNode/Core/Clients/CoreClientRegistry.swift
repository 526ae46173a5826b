import Backplane

/// The ASP.NET Core clients of this node by token, id, user and group. Names are compared byte by byte, like Redis
/// channels. Confined to the broker.
struct CoreClientRegistry {
    private var byToken: OrdinalNameMap<CoreClient> = [:]
    private var byID: OrdinalNameMap<CoreClient> = [:]
    private var users: [OrdinalName: [ObjectIdentifier: CoreClient]] = [:]
    private var groups: [OrdinalName: [ObjectIdentifier: CoreClient]] = [:]

    /// All clients, including those that have no transport yet or are about to end.
    var all: some Collection<CoreClient> { byToken.values }

    /// The clients that receive messages.
    var connected: some Collection<CoreClient> { byID.values }

    subscript(token token: String) -> CoreClient? { byToken[token] }
    subscript(id id: String) -> CoreClient? { byID[id] }

    func clients(ofUser user: String) -> [CoreClient] { users[OrdinalName(user)].map { Array($0.values) } ?? [] }

    func members(of group: String) -> [CoreClient] { groups[OrdinalName(group)].map { Array($0.values) } ?? [] }

    mutating func add(_ client: CoreClient) {
        byToken[client.token] = client
    }

    mutating func remove(_ client: CoreClient) {
        if byToken[client.token] === client { byToken.removeValue(forKey: client.token) }
    }

    /// Starts delivering messages to a client.
    ///
    /// - Returns: whether it is the first local connection of its user.
    mutating func connect(_ client: CoreClient) -> Bool {
        byID[client.id] = client
        let user = client.session.user
        guard !user.isEmpty else { return false }
        users[OrdinalName(user), default: [:]][ObjectIdentifier(client)] = client
        return users[OrdinalName(user)]?.count == 1
    }

    /// The user and groups of a removed client whose channels no local client needs any more.
    struct Left: Equatable {
        var user: String?
        var groups: [String] = []
    }

    /// - Returns: nil if it was not connected.
    mutating func disconnect(_ client: CoreClient) -> Left? {
        guard byID[client.id] === client else { return nil }
        byID.removeValue(forKey: client.id)
        var left = Left()
        let user = OrdinalName(client.session.user)
        if users[user] != nil {
            users[user]?.removeValue(forKey: ObjectIdentifier(client))
            if users[user]?.isEmpty == true {
                users.removeValue(forKey: user)
                left.user = user.text
            }
        }
        for name in client.groupNames where removeMember(client, of: name) { left.groups.append(name.text) }
        client.groups = []
        client.groupNames = []
        return left
    }

    /// - Returns: whether it is the first local member. A group that the connection has joined under a name of
    ///   different case counts as joined, and nothing changes, as on a real node.
    mutating func join(_ client: CoreClient, _ group: String) -> Bool {
        guard client.groups.insert(CaselessName(group)).inserted else { return false }
        let name = OrdinalName(group)
        client.groupNames.insert(name)
        groups[name, default: [:]][ObjectIdentifier(client)] = client
        return groups[name]?.count == 1
    }

    /// - Returns: whether it was the last local member. A name of different case leaves the group under the name by
    ///   which it was joined, as on a real node.
    mutating func leave(_ client: CoreClient, _ group: String) -> Bool {
        client.groups.remove(CaselessName(group))
        let name = OrdinalName(group)
        guard client.groupNames.remove(name) != nil else { return false }
        return removeMember(client, of: name)
    }

    private mutating func removeMember(_ client: CoreClient, of name: OrdinalName) -> Bool {
        guard groups[name]?.removeValue(forKey: ObjectIdentifier(client)) != nil else { return false }
        guard groups[name]?.isEmpty == true else { return false }
        groups.removeValue(forKey: name)
        return true
    }
}
