/// An envelope that means nothing at another Redis, because whom it concerns is not there. Neither replay nor forwarder
/// publishes it there unless somebody asks for it.
package enum CoreLeftOut: String, Sendable, CaseIterable {
    /// To one connection: its id is of the recorded application.
    case connection
    /// A connection joins or leaves a group: nobody there holds the connection, so nobody answers. Where somebody does hold
    /// it, its groups would change, and the ack would go to a server that may wait for another one of this number.
    case groupCommand = "group_command"
    /// The answer to a group command.
    case ack
    /// A client's answer.
    case result
    /// A call that waits for a client's answer: who asked is not there.
    case clientResult = "client_result"

    /// nil if it is for everybody, a group or a user, and nobody waits for an answer.
    package init?(_ kind: CoreKind, _ payload: CorePayloadView) {
        if case .invocation(let invocation) = payload, invocation.itemCount > 3 {
            self = .clientResult
            return
        }
        switch kind {
        case .all, .group, .user: return nil
        case .connection: self = .connection
        case .groupCommand: self = .groupCommand
        case .ack: self = .ack
        case .result: self = .result
        }
    }
}
