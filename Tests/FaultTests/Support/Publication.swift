/// One thing that the test did to the channel or its counter, and what Redis answered.
struct Publication: Sendable {
    enum Kind: Sendable {
        /// Published by SignalR's script.
        case envelope
        /// PUBLISHed by hand: without an id.
        case raw
        /// The counter was moved, and nothing was published.
        case burnt
    }

    enum Outcome: Sendable {
        /// The connection broke before an answer came.
        case unknown
        /// Redis answered with an error: nothing happened.
        case refused
        case done
    }

    let kind: Kind
    /// Bytes that no other publication has: the payload, without the id.
    let blob: [UInt8]
    var outcome = Outcome.unknown
    /// What stands before the blob, or where the counter was moved to; nil without one, or while unknown.
    var id: UInt64?
    /// As Redis published it; nil while unknown.
    var payload: [UInt8]?
}
