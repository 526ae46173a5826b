import NIOCore

/// Whether a hub's backplane can be read and written, and for how long it could not be read. No I/O.
struct CoreBackplaneState {
    /// Why it cannot be read; nil if it can.
    private var listening: String? = "not connected to Redis yet"
    /// Why it cannot be written; nil if it can.
    private var publishing: String? = "not connected to Redis yet"
    /// When the subscription was lost; nil if it exists, or before the first one.
    private var deafSince: NIODeadline?
    private var hasListened = false

    /// Why it cannot be read or written; nil if it can.
    var outage: String? { listening ?? publishing }

    /// - Returns: how long messages were missed, 0 if no loss was reported; nil for the first subscription, before which
    ///   nothing was expected.
    mutating func subscribed(at now: NIODeadline) -> TimeAmount? {
        let gap: TimeAmount? = hasListened ? deafSince.map { now - $0 } ?? .zero : nil
        hasListened = true
        (listening, deafSince) = (nil, nil)
        return gap
    }

    /// Also called for each further failure to subscribe: the first one counts as the loss, the last one is the reason.
    mutating func unsubscribed(reason: String, at now: NIODeadline) {
        if listening == nil { deafSince = now }
        listening = reason
    }

    mutating func canPublish() { publishing = nil }

    mutating func cannotPublish(reason: String) { publishing = reason }
}
