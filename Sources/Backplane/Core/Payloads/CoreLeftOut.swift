/// Why an envelope is meaningless on another Redis: the connection or server that it concerns does not exist there.
/// Replay and forwarder leave such envelopes out unless the operator asks for them.
package enum CoreLeftOut: String, Sendable, CaseIterable {
    /// It is for one connection, whose id exists only in the recorded application.
    case connection
    /// It adds a connection to a group or removes it: no node there holds the connection, so none answers. If a node
    /// does hold it, its groups would change, and the ack could match another command of the same id.
    case groupCommand = "group_command"
    /// The answer to a group command.
    case ack
    /// A client's answer.
    case result
    /// A call that waits for a client's answer: the node that waits is not there.
    case clientResult = "client_result"
    /// A relay's ping (``CorePing``), or the ack to one: it is not the application's.
    case ping

    /// nil if it is for all, a group or a user, and requests no result.
    package init?(_ name: CoreChannelName, _ payload: CorePayloadView) {
        if case .invocation(let invocation) = payload, invocation.itemCount > 3 {
            self = .clientResult
            return
        }
        if CorePing.isPing(name, payload) {
            self = .ping
            return
        }
        switch name.kind {
        case .all, .group, .user: return nil
        case .connection: self = .connection
        case .groupCommand: self = .groupCommand
        case .ack: self = .ack
        case .result: self = .result
        }
    }
}
