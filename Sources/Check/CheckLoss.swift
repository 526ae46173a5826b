package import SignalRClient
/// One message that one client did not get.
package struct CheckLoss: Sendable, Encodable, Equatable, CustomStringConvertible {
    package let check: CheckStep
    /// The number of the message within this check; it stands in its text.
    package let message: Int
    /// What the node would have called, such as `broadcastMessage`.
    package let method: String
    /// The id of its envelope; nil if nobody saw it.
    package let envelope: UInt64?
    /// The lowest id that it cannot be above, from the cursors of those who got it; where ``envelope`` is nil.
    package let envelopeAtMost: UInt64?
    package let client: String
    package let transport: ClientTransport
    package let node: String
    /// Whether the node tells the check what it misses; one of another process does not.
    package let nodeTells: Bool
    /// The ids that the node says it never saw, this one among them; nil if it says no such thing.
    package let missedFrom: UInt64?
    package let missedTo: UInt64?

    /// What the counter did meanwhile, in words; nil if it only rose.
    package let counter: String?

    package var isExplained: Bool { missedFrom != nil }

    package var description: String {
        let which: String
        if let envelope {
            which = "envelope \(envelope)"
        } else if let envelopeAtMost {
            which = "envelope \(envelopeAtMost) or one shortly before"
        } else {
            which = "of unknown envelope"
        }
        let why: String
        if let missedFrom, let missedTo {
            why =
                missedFrom == missedTo
                ? "\(node) was deaf for id \(missedFrom)" : "\(node) was deaf for ids \(missedFrom)..\(missedTo)"
        } else {
            why =
                counter
                ?? (nodeTells
                    ? "\(node) did not report it as missed"
                    : "look into the log of \(node) for a lost connection to Redis")
        }
        return "\(check.title): message \(message) (\(method), \(which)) did not reach \(client): \(why)"
    }
}
