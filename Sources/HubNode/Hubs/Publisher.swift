/// What hubs need of a backplane: to call clients on whichever node they are, and to change their groups.
///
/// Each generation has its own; hubs know nothing else of the node, and nothing of a wire.
protocol Publisher: Sendable {
    /// Publishes a call of a method. Returns when it is published, not when it has arrived.
    ///
    /// - Throws: ``CallFailure`` if Redis is not reached.
    func invoke(_ invocation: ClientCall) async throws

    /// Tells a caller how far its call has come, before the result.
    ///
    /// - Parameters:
    ///   - value: JSON.
    ///   - requestID: of the call, as the client gave it; nil if it gave none.
    /// - Throws: ``CallFailure`` if Redis is not reached.
    func reportProgress(_ value: [UInt8], requestID: String?, connectionID: String) async throws

    /// Has the node that owns a connection change its groups. Returns once that node has acknowledged.
    ///
    /// - Throws: ``CallFailure`` if nobody acknowledges in time.
    func changeGroup(_ change: GroupChange, group: String, hub: String, connectionID: String) async throws

    /// Has the node that owns a connection end it.
    ///
    /// - Throws: ``CallFailure`` if Redis is not reached.
    func abort(connectionID: String) async throws

    /// Calls a method of one client and waits for what it answers.
    ///
    /// - Throws: ``CallFailure`` where the backplane's protocol has no answers of clients; ``HubError`` with the client's
    ///   error.
    func ask(_ invocation: ClientCall) async throws -> HubArgument
}

/// A call of a method of some clients.
struct ClientCall: Sendable {
    let hub: String
    let method: String
    let arguments: [HubArgument]
    let audience: Audience
    /// The connection whose call led to it.
    let callerID: String
}

/// Some clients of a hub, on whichever node they are.
enum Audience: Sendable {
    case all(except: [String])
    case client(String)
    case group(String, except: [String])
    /// Every connection of a user.
    case user(String)
}

enum GroupChange: Sendable {
    case add
    case remove
}
