/// One message that one client did not get.
public struct CheckLoss: Sendable, Encodable, Equatable, CustomStringConvertible {
    public let check: CheckStep
    /// The number of the message within this check; it stands in its text.
    public let message: Int
    /// What the node would have called, such as `broadcastMessage`.
    public let method: String
    /// The id of its envelope; nil if nobody saw it.
    public let envelope: UInt64?
    /// The lowest id that it cannot be above, from the cursors of those who got it; where ``envelope`` is nil.
    public let envelopeAtMost: UInt64?
    public let client: String
    public let transport: TransportKind
    public let node: String
    /// Whether the node tells the check what it misses; one of another process does not.
    public let nodeTells: Bool
    /// The ids that the node says it never saw, this one among them; nil if it says no such thing.
    public let missedFrom: UInt64?
    public let missedTo: UInt64?

    /// What the counter did meanwhile, in words; nil if it only rose.
    public let counter: String?

    public var isExplained: Bool { missedFrom != nil }

    public var description: String {
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
