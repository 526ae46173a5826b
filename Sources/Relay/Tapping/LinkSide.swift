import DequeModule
import NIOConcurrencyHelpers
import Redis

/// What a ``TapSeam`` does with the messages of one attempt to read the replication stream.
final class LinkSide: EnvelopeSink, TapObserver {
    private let seam: TapSeam
    private let attempt: Int

    init(seam: TapSeam, attempt: Int) {
        self.seam = seam
        self.attempt = attempt
    }

    /// Runs `body` unless the attempt was withdrawn.
    private func whileCurrent(_ body: (inout TapSeam.State) -> Void) {
        seam.state.withLockedValue { state in if state.attempt == attempt { body(&state) } }
    }

    func nextBatch() -> EnvelopeBatch { seam.intake.nextBatch() }

    func deliver(_ batch: EnvelopeBatch) {
        seam.state.withLockedValue { state in
            guard state.attempt == attempt else { return seam.release(.batch(batch, skipping: 0)) }
            switch state.phase {
            case .subscription: seam.release(.batch(batch, skipping: 0))
            case .joining:
                batch.forEachFingerprint { state.matcher.readByLink($0) }
                state.held.append(.batch(batch, skipping: 0))
                state.heldBytes += batch.footprint
                seam.takeOverIfKnown(&state)
            case .link:
                guard !state.expected.isEmpty else { return seam.intake.deliver(batch) }
                var delivered = 0
                var isSame = true
                batch.forEachFingerprint { fingerprint in
                    guard isSame, let next = state.expected.first else { return }
                    isSame = next == fingerprint
                    guard isSame else { return state.expected.removeAll() }
                    state.expected.removeFirst()
                    delivered += 1
                }
                seam.pass(on: .batch(batch, skipping: 0), leavingOut: delivered)
            }
        }
    }

    func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission {
        seam.intake.admission(ofPayload: bytes, channel: channel)
    }

    func abandoned(payloadOf bytes: Int) { seam.intake.abandoned(payloadOf: bytes) }

    func skipped(_ payload: SkippedPayload) {
        whileCurrent { state in
            let fingerprint = EnvelopeFingerprint.large(channel: payload.channel)
            switch state.phase {
            case .subscription: break
            case .joining:
                state.matcher.readByLink(fingerprint)
                state.held.append(.skipped(payload))
                seam.takeOverIfKnown(&state)
            case .link:
                if state.expected.first == fingerprint {
                    state.expected.removeFirst()
                } else {
                    seam.intake.skipped(payload)
                }
            }
        }
    }

    func attached(_ attachment: TapAttachment) {
        whileCurrent { state in
            let isContinued = attachment.start == .continued && attachment.loss == nil
            // Otherwise the two readings differ in more than their start.
            if state.phase == .joining, state.attachment != nil, !isContinued { return seam.fail(&state) }
            state.attachment = attachment
        }
    }

    func subscribed(_ subscription: Subscription) {
        whileCurrent { state in
            guard let attachment = state.attachment else { return }
            switch state.phase {
            case .subscription: break
            case .joining:
                let isFirst = state.link == nil
                state.link = subscription
                if isFirst { seam.onEvent(.attached) }
            case .link: seam.attachedAgain(attachment, subscription, &state)
            }
        }
    }

    func disconnected(_ cause: DisconnectCause) {
        whileCurrent { state in
            if state.phase == .link { seam.intake.disconnected(cause) }
        }
    }
}

extension TapSeam {
    fileprivate func attachedAgain(_ attachment: TapAttachment, _ subscription: Subscription, _ state: inout State) {
        let before = state.link
        state.link = subscription
        if let loss = attachment.loss {
            // The rest of what was expected may be in the part that is missing.
            state.expected = []
            lost(bytes: loss.bytes)
        } else {
            intake.command(.tap(.resumed(attachment.position)))
        }
        // With another process the next envelopes go into another segment.
        if attachment.loss != nil || before?.server?.identity != subscription.server?.identity {
            intake.subscribed(subscription.with(attachment, after: state.subscription))
        }
        onEvent(.attached)
    }
}

extension TapAttachment.Loss {
    /// nil if unknown.
    fileprivate var bytes: Int64? { if case .backlogLost(let bytes) = self { bytes } else { nil } }
}

extension Subscription {
    /// The attachment of a link, described like a subscription.
    ///
    /// - Parameter last: the subscription before it, which knows more of the same server.
    func with(_ attachment: TapAttachment, after last: Subscription?) -> Subscription {
        var link = self
        link.streamPosition = attachment.position
        let isSame = last?.endpoint == endpoint
        link.role = attachment.facts.isReplica ? .replica(of: isSame ? last?.master : nil) : .master
        if isSame { link.replication = last?.replication }
        return link
    }
}
