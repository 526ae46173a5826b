import DequeModule
import NIOConcurrencyHelpers
import Redis

/// The place where a replication link takes over from a subscription: passes each envelope to the intake once.
///
/// While the link attaches, the subscription's envelopes go to the intake and the link's are buffered. When the
/// ``OverlapMatcher`` knows where they meet, the buffered ones that the subscription has delivered are dropped, the
/// others follow, and whatever the subscription still delivers is ignored.
final class TapSeam: Sendable {
    /// What happened, for ``RelayTap``.
    enum Event: Sendable, Equatable {
        case subscribed
        case subscriptionLost
        /// The link is attached; what the subscription has delivered until now bounds where they meet.
        case attached
        case takenOver
        /// The attempt must be repeated: the readings do not fit, are too long, or the link lost part of the stream.
        case unusable
    }

    enum Phase {
        case subscription
        case joining
        case link
    }

    enum Held {
        ///   - skipping: its first envelopes that are not needed.
        case batch(EnvelopeBatch, skipping: Int)
        case skipped(SkippedPayload)

        var count: Int {
            switch self {
            case .batch(let batch, let skipping): batch.count - skipping
            case .skipped: 1
            }
        }
    }

    struct State {
        var phase = Phase.subscription
        var isSubscribed = false
        var matcher = OverlapMatcher()
        /// Envelopes of the link, from number `dropped` on.
        var held: Deque<Held> = []
        var heldBytes = 0
        var dropped = 0
        /// Of this attempt.
        var attachment: TapAttachment?
        var link: Subscription?
        /// Fingerprints of envelopes that the subscription has delivered and the link will deliver again.
        var expected: Deque<UInt64> = []
        /// Reported once an attempt.
        var isUnusable = false
        /// Where the link ended, if what follows is missing.
        var lostAt: ReplicationPosition?
        /// Which attempt it is: what an earlier one still delivers is ignored.
        var attempt = 0
        /// The last one.
        var subscription: Subscription?
    }

    /// The most memory for the link's envelopes while it attaches, in bytes.
    private let heldLimit: Int
    let intake: Intake
    let metrics: TapMetrics
    let state = NIOLockedValueBox(State())
    let onEvent: @Sendable (Event) -> Void

    /// - Parameter onEvent: called on an event loop; must not block.
    init(intake: Intake, metrics: TapMetrics, onEvent: @escaping @Sendable (Event) -> Void) {
        self.intake = intake
        self.metrics = metrics
        heldLimit = max(1 << 20, intake.limit / 4)
        self.onEvent = onEvent
    }

    /// Receives the subscription.
    var subscriptionSink: any EnvelopeSink { SubscriptionSide(seam: self) }

    // MARK: - The attempt

    /// True while the link carries the channels.
    var isLinked: Bool { state.withLockedValue { $0.phase == .link } }

    /// A link is about to attach: from now on both readings are compared.
    ///
    /// - Returns: receives the link.
    func join() -> any EnvelopeSink & TapObserver {
        let attempt = state.withLockedValue { state in
            state.reset()
            state.phase = .joining
            return state.attempt
        }
        return LinkSide(seam: self, attempt: attempt)
    }

    /// The names are about to change: the link that is attaching must not take over with the old ones.
    func hold() { state.withLockedValue { if $0.phase == .joining { $0.isUnusable = true } } }

    /// The link is withdrawn; the subscription continues.
    func withdraw() {
        state.withLockedValue { state in
            for item in state.held { release(item) }
            state.reset()
            state.phase = .subscription
        }
    }

    /// The link that carried the channels has ended; a subscription follows, and what was published in between is
    /// missing.
    func giveUp(at position: ReplicationPosition?) {
        state.withLockedValue { state in
            state.reset()
            state.phase = .subscription
            state.isSubscribed = false
            state.lostAt = position
        }
    }

    /// Envelopes delivered by the subscription, and read by the link, in this attempt.
    var counts: (subscription: Int, link: Int) {
        state.withLockedValue { ($0.matcher.subscriptionCount, $0.matcher.linkCount) }
    }

    /// Everything that the server had executed when the link's count was `link` has passed the subscription by now.
    ///
    /// - Parameters:
    ///   - subscription: what it had delivered before the server was asked; nil if unknown.
    ///   - link: what the link had read.
    func bound(subscription: Int?, link: Int) {
        state.withLockedValue { state in
            guard state.phase == .joining else { return }
            // A replica may lag behind the server that the subscription hears.
            let isSame = state.subscription?.endpoint == state.attachment?.facts.endpoint
            let lower = isSame ? subscription.map { $0 - link } : nil
            state.matcher.bound(lower ?? 0, state.matcher.subscriptionCount - link)
            takeOverIfKnown(&state)
        }
    }

    /// Takes over although several places fit: at the last of them, so that envelopes may come twice and none is
    /// missing.
    ///
    /// - Returns: false if there is nothing to take over.
    func takeOverAnyway() -> Bool {
        state.withLockedValue { state in
            guard state.phase == .joining, case .several(let highest) = state.matcher.look() else { return false }
            takeOver(at: highest, &state)
            return true
        }
    }

    /// Takes over if there is only one place left; called with every change.
    func takeOverIfKnown(_ state: inout State) {
        guard !state.isUnusable else { return }
        guard !state.matcher.isFull, state.heldBytes <= heldLimit else { return fail(&state) }
        switch state.matcher.look() {
        case .unbounded: break
        case .none: fail(&state)
        case .one(let start): takeOver(at: start, &state)
        case .several: dropDelivered(&state)
        }
    }

    /// This attempt must be repeated.
    func fail(_ state: inout State) {
        state.isUnusable = true
        onEvent(.unusable)
    }

    private func dropDelivered(_ state: inout State) {
        let delivered = state.matcher.surelyDelivered
        while let first = state.held.first, state.dropped + first.count <= delivered {
            state.dropped += first.count
            if case .batch(let batch, _) = first { state.heldBytes -= batch.footprint }
            release(first)
            state.held.removeFirst()
        }
    }

    private func takeOver(at start: Int, _ state: inout State) {
        guard let link = state.link, let attachment = state.attachment else { return }
        let subscription = link.with(attachment, after: state.subscription)
        let delivered = max(0, state.matcher.subscriptionCount - start)
        let read = state.matcher.linkCount
        state.expected = Deque(state.matcher.subscriptionFingerprints(from: start + read))
        state.phase = .link
        intake.subscribed(subscription)
        var rest = delivered - state.dropped
        for item in state.held {
            let leftOut = min(max(0, rest), item.count)
            rest -= leftOut
            pass(on: item, leavingOut: leftOut)
        }
        state.held = []
        state.heldBytes = 0
        state.matcher = OverlapMatcher()
        onEvent(.takenOver)
    }

    /// - Parameter count: envelopes that the subscription has delivered.
    func pass(on item: Held, leavingOut count: Int) {
        guard count < item.count else { return release(item) }
        switch item {
        case .skipped(let payload): intake.skipped(payload)
        case .batch(let batch, let skipping):
            intake.deliver(skipping + count == 0 ? batch : rest(of: batch, from: skipping + count))
        }
    }

    private func rest(of batch: EnvelopeBatch, from first: Int) -> EnvelopeBatch {
        let rest = intake.nextBatch()
        var index = 0
        batch.forEach { channel, receivedAt, payload in
            if index >= first {
                rest.receivedAt = receivedAt
                rest.append(channel: channel, payload: payload)
            }
            index += 1
        }
        return rest
    }

    /// - Parameter bytes: of the stream; nil if unknown.
    func lost(bytes: Int64?) {
        metrics.lost(bytes: bytes)
        intake.command(.tap(.lost(bytes: bytes)))
    }

    /// Releases memory for an item that will not reach the intake.
    func release(_ item: Held) {
        if case .batch(let batch, _) = item, batch.isAdmitted { intake.abandoned(payloadOf: batch.byteCount) }
    }
}

extension TapSeam.State {
    mutating func reset() {
        matcher = OverlapMatcher()
        held = []
        (heldBytes, dropped) = (0, 0)
        (attachment, link) = (nil, nil)
        expected = []
        isUnusable = false
        attempt += 1
    }
}
