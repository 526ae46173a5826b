extension CaptureEvent {
    /// Of the events that say how much of a channel was erased.
    package static let erasedName = "erased"

    /// What an erasure did to a channel, an event for each of the two; none for nothing.
    static func erased(channel: String, removed: Int, changed: Int) -> [CaptureEvent] {
        [(ErasedEnvelopes.removedReason, removed), (ErasedEnvelopes.changedReason, changed)]
            .filter { $0.1 > 0 }
            .map { reason, count in
                var event = CaptureEvent(event: erasedName, channel: channel)
                event.envelopes = count
                event.reason = reason
                return event
            }
    }
}

/// How many envelopes of a capture were erased, for privacy; no loss of the recording.
package struct ErasedEnvelopes: Sendable, Equatable, Encodable {
    static let removedReason = "removed"
    static let changedReason = "changed"

    /// They lost their message, or are gone.
    package var removed = 0
    /// A name was taken out of them.
    package var changed = 0

    func noting(_ event: CaptureEvent) -> ErasedEnvelopes {
        var noted = self
        switch event.reason {
        case Self.removedReason: noted.removed += max(0, event.envelopes ?? 0)
        case Self.changedReason: noted.changed += max(0, event.envelopes ?? 0)
        default: break
        }
        return noted
    }
}
