/// The backplane for hubs: calls clients on any node, and changes their groups.
///
/// Each generation has an implementation; hubs depend on no other part of a node and on no wire format.
protocol Publisher: Sendable {
    /// Publishes a call of a method. Returns when it is published, not when it has arrived.
    ///
    /// - Throws: ``CallFailure`` if Redis cannot be reached.
    func invoke(_ invocation: ClientCall) async throws

    /// Reports a call's progress to its caller, before the result.
    ///
    /// - Parameters:
    ///   - value: JSON.
    ///   - requestID: the client's id of the call, if any.
    /// - Throws: ``CallFailure`` if Redis cannot be reached.
    func reportProgress(_ value: [UInt8], requestID: String?, connectionID: String) async throws

    /// Asks the node that owns a connection to change its groups. Returns once that node has acknowledged.
    ///
    /// - Throws: ``CallFailure`` without an ack in time.
    func changeGroup(_ change: GroupChange, group: String, hub: String, connectionID: String) async throws

    /// Asks the node that owns a connection to end it.
    ///
    /// - Throws: ``CallFailure`` if Redis cannot be reached.
    func abort(connectionID: String) async throws

    /// Calls a method of one client and waits for its result.
    ///
    /// - Throws: ``CallFailure`` if the backplane's protocol has no client results; ``HubError`` with the client's
    ///   error.
    func ask(_ invocation: ClientCall) async throws -> HubArgument
}

/// A call of a client method.
struct ClientCall: Sendable {
    let hub: String
    let method: String
    let arguments: [HubArgument]
    let audience: Audience
    /// The connection whose call caused it.
    let callerID: String
}

/// Clients of a hub, on any node.
enum Audience: Sendable {
    case all(except: [String])
    case client(String)
    /// One client of a list: for ASP.NET Core it is published even if this node owns the connection, like on a real
    /// node.
    case listed(String)
    case group(String, except: [String])
    /// All connections of a user.
    case user(String)
}

enum GroupChange: Sendable {
    case add
    case remove
}
