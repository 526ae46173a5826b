/// Publishes to all clients of a hub, of both generations; a message for one connection goes only to the generation
/// with ids of its form.
struct HubPublisher: Publisher {
    /// Nil if the node serves no clients of SignalR 2.
    let signalR2: (any Publisher)?
    /// Nil if the node serves no clients of ASP.NET Core SignalR.
    let core: (any Publisher)?

    func invoke(_ invocation: ClientCall) async throws {
        switch invocation.audience {
        case .client(let id), .listed(let id): return try await owner(of: id).invoke(invocation)
        case .all, .group, .user: break
        }
        var failure: (any Error)?
        do { try await core?.invoke(invocation) } catch { failure = error }
        try await signalR2?.invoke(invocation)
        if let failure { throw failure }
    }

    func reportProgress(_ value: [UInt8], requestID: String?, connectionID: String) async throws {
        try await owner(of: connectionID).reportProgress(value, requestID: requestID, connectionID: connectionID)
    }

    func changeGroup(_ change: GroupChange, group: String, hub: String, connectionID: String) async throws {
        try await owner(of: connectionID).changeGroup(change, group: group, hub: hub, connectionID: connectionID)
    }

    func abort(connectionID: String) async throws {
        try await owner(of: connectionID).abort(connectionID: connectionID)
    }

    func ask(_ invocation: ClientCall) async throws -> HubArgument {
        guard case .client(let id) = invocation.audience else {
            throw CallFailure.unsupported("A result of many clients")
        }
        return try await owner(of: id).ask(invocation)
    }

    private func owner(of connectionID: String) throws -> any Publisher {
        let owner: (any Publisher)? =
            CoreConnectionID.isOne(connectionID) ? core ?? signalR2 : signalR2 ?? core
        guard let owner else { throw CallFailure.noSuchConnection(connectionID) }
        return owner
    }
}
