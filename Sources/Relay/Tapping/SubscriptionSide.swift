import NIOConcurrencyHelpers
import Redis

/// What a ``TapSeam`` does with a subscription's messages.
final class SubscriptionSide: EnvelopeSink {
    private let seam: TapSeam

    init(seam: TapSeam) { self.seam = seam }

    func nextBatch() -> EnvelopeBatch { seam.intake.nextBatch() }

    func deliver(_ batch: EnvelopeBatch) {
        seam.state.withLockedValue { state in
            switch state.phase {
            case .subscription: seam.intake.deliver(batch)
            case .joining:
                batch.forEachFingerprint { state.matcher.readBySubscription($0) }
                seam.intake.deliver(batch)
                seam.takeOverIfKnown(&state)
            case .link: seam.release(.batch(batch, skipping: 0))
            }
        }
    }

    func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission {
        seam.isLinked ? .noRoom : seam.intake.admission(ofPayload: bytes, channel: channel)
    }

    func abandoned(payloadOf bytes: Int) { seam.intake.abandoned(payloadOf: bytes) }

    func skipped(_ payload: SkippedPayload) {
        seam.state.withLockedValue { state in
            guard state.phase != .link else { return }
            seam.intake.skipped(payload)
            guard state.phase == .joining else { return }
            state.matcher.readBySubscription(EnvelopeFingerprint.large(channel: payload.channel))
            seam.takeOverIfKnown(&state)
        }
    }

    func subscribed(_ subscription: Subscription) {
        seam.state.withLockedValue { state in
            guard state.phase != .link else { return }
            state.isSubscribed = true
            state.subscription = subscription
            if let lost = state.lostAt {
                state.lostAt = nil
                seam.lost(bytes: subscription.server?.bytes(since: lost))
            }
            seam.intake.subscribed(subscription)
            seam.onEvent(.subscribed)
        }
    }

    func disconnected(_ cause: DisconnectCause) {
        seam.state.withLockedValue { state in
            guard state.phase != .link, state.isSubscribed else { return }
            state.isSubscribed = false
            seam.intake.disconnected(cause)
            seam.onEvent(.subscriptionLost)
        }
    }
}
