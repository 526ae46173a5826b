/// Notified of what happens to a ``ReplicationTap``. All calls are on the tap's event loop, in order with those of its
/// ``EnvelopeSink``; none may block.
package protocol TapObserver: AnyObject, Sendable {
    /// The server has forked and transfers its data, which is skipped. Rare: see ``TapWay``.
    func syncing(_ facts: TapFacts)
    /// Everything after ``TapAttachment/position`` is received from now on. Directly before the sink's
    /// ``EnvelopeSink/subscribed(_:)``.
    func attached(_ attachment: TapAttachment)
    /// An attachment has ended; everything up to `position` was passed to the sink. Directly before the sink's
    /// ``EnvelopeSink/disconnected(_:)``.
    func detached(_ cause: DisconnectCause, at position: ReplicationPosition)
}

extension TapObserver {
    /// Ignored by default.
    package func syncing(_ facts: TapFacts) {}
    /// Ignored by default.
    package func attached(_ attachment: TapAttachment) {}
    /// Ignored by default.
    package func detached(_ cause: DisconnectCause, at position: ReplicationPosition) {}
}

/// How and where a tap has attached.
package struct TapAttachment: Sendable, Equatable {
    /// How it came to ``position``.
    package enum Start: String, Sendable {
        /// At the end of the stream at that moment, without a full sync.
        case joined
        /// Directly after the last byte read before, without a full sync: nothing is missing.
        case continued
        /// After a full sync, for which the server forked.
        case synced
    }

    /// What is missing between two attachments.
    package enum Loss: Sendable, Equatable {
        /// The server's backlog no longer had this many bytes of the stream, of which the envelopes are a part.
        case backlogLost(bytes: Int64)
        /// The server no longer knows the history of the last attachment: it was restarted, or it is another one. What
        /// is missing is unknown.
        case otherHistory
    }

    /// How it came to ``position``.
    package var start: Start
    /// Everything after it is received. Its history is the server's current one, even if the last attachment ended in
    /// the history before it.
    package var position: ReplicationPosition
    /// What is missing since the last attachment; nil for nothing, or if there was none.
    package var loss: Loss?
    /// What the server said directly before.
    package var facts: TapFacts

    /// - Parameters: as the properties of the same names.
    package init(start: Start, position: ReplicationPosition, loss: Loss? = nil, facts: TapFacts) {
        self.start = start
        self.position = position
        self.loss = loss
        self.facts = facts
    }
}
