import Backplane

/// What a node hears from the backplane, in the order in which it happened.
enum BusEvent: Sendable {
    /// All channels are heard, and publishing works.
    case opened
    /// What the counter was at after `opened`, or when somebody asked: what is published behind it is heard. 0 if there is no
    /// counter yet, nil where it cannot be read.
    case counter(UInt64?, wasAsked: Bool)
    /// Nothing is heard or nothing can be published, until the next `opened`.
    case closed(reason: String)
    case envelope(Envelope)
    /// Of what came with one read from Redis, this was all.
    case readComplete
    /// A payload that is none of ours.
    case undecodable(EnvelopeError)
    /// An envelope that is larger than the limit and was passed over; its id, if its first bytes told one.
    case oversized(id: UInt64?, bytes: Int)
    /// Ids that were never heard, both included.
    case missed(from: UInt64, to: UInt64)
    /// The counter was set back: what follows has lower ids than what came before.
    case counterReset(from: UInt64, to: UInt64)
}
