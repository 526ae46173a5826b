import Redis

/// Decides what receives the channels, the subscription or the link to the replication stream. A value without I/O.
///
/// The subscription receives them until the link has taken over, and again when the link must be given up.
struct TapCourse {
    /// What receives the channels.
    enum State: Equatable {
        /// The subscription, which is not confirmed; then the link attaches.
        case subscribing
        /// The subscription, while the link attaches.
        case joining(attempt: Int)
        case linked
        /// The subscription; the link is tried again later.
        case waiting
        /// The subscription, for good.
        case refused
    }

    enum Input: Equatable {
        case subscribed
        case subscriptionLost
        case takenOver
        /// The two do not meet, or not within the limits.
        case unusable
        /// Several places where they may meet remain.
        case ambiguous
        /// Hubs were attached or detached.
        case namesChanged
        ///   - isPermanent: the same attempt fails again until an operator has changed something.
        case failed(isPermanent: Bool, after: Duration)
        case retry
    }

    enum Action: Equatable {
        case startLink
        case stopLink
        case startSubscription
        case stopSubscription
        /// Takes over at the last possible place.
        case takeOverAnyway
        case retry(after: Duration)
        /// The relay must not run without the link.
        case fail
        /// The operator must know that the relay subscribes instead.
        case reportFallback
    }

    /// Attempts to take over before a pause.
    static let attempts = 3
    /// The pause after failures that do not say how long to wait.
    static let pause = Duration.seconds(60)

    private(set) var state = State.subscribing
    private var isSubscribed = false
    private var wasLinked = false
    private let mayFallBack: Bool

    /// - Parameter mayFallBack: whether the relay may run by subscription if the link is refused from the start.
    init(mayFallBack: Bool) {
        self.mayFallBack = mayFallBack
    }

    mutating func handle(_ input: Input) -> [Action] {
        switch input {
        case .subscribed: return subscribed()
        case .subscriptionLost:
            isSubscribed = false
            guard case .joining = state else { return [] }
            state = .subscribing
            return [.stopLink]
        case .takenOver:
            guard case .joining = state else { return [] }
            (state, wasLinked, isSubscribed) = (.linked, true, false)
            return [.stopSubscription]
        case .unusable:
            guard case .joining(let attempt) = state else { return [] }
            guard attempt < Self.attempts else {
                state = .waiting
                return [.stopLink, .reportFallback, .retry(after: Self.pause)]
            }
            state = .joining(attempt: attempt + 1)
            return [.stopLink, .startLink]
        case .ambiguous:
            guard case .joining = state else { return [] }
            return [.takeOverAnyway]
        case .namesChanged:
            guard case .joining = state else { return [] }
            return [.stopLink, .startLink]
        case .failed(let isPermanent, let time): return failed(isPermanent, time)
        case .retry:
            guard state == .waiting else { return [] }
            state = .subscribing
            return isSubscribed ? subscribed() : []
        }
    }

    private mutating func subscribed() -> [Action] {
        isSubscribed = true
        guard state == .subscribing else { return [] }
        state = .joining(attempt: 1)
        return [.startLink]
    }

    private mutating func failed(_ isPermanent: Bool, _ time: Duration) -> [Action] {
        switch state {
        case .joining:
            if isPermanent, !wasLinked {
                state = .refused
                return mayFallBack ? [.stopLink, .reportFallback] : [.fail]
            }
            state = .waiting
            return [.stopLink, .reportFallback, .retry(after: time)]
        case .linked:
            state = .waiting
            return [.stopLink, .startSubscription, .reportFallback, .retry(after: time)]
        case .subscribing, .waiting, .refused: return []
        }
    }
}

extension TapCourse.Input {
    /// A link has ended.
    ///
    /// - Parameters:
    ///   - error: why: a `TapError` or a `RedisError`.
    ///   - mayFallBack: whether the relay may subscribe meanwhile: it then waits for a replica to tap.
    ///   - fullSyncInterval: the least time between two full syncs.
    ///   - sinceFullSync: how long ago the last one was; nil for never.
    init(
        failure error: any Error, mayFallBack: Bool = false, fullSyncInterval: Duration, sinceFullSync: Duration?
    ) {
        var pause = TapCourse.pause
        if case TapError.tooSoon(_, let seconds) = error { pause = max(pause, .seconds(seconds)) }
        if let sinceFullSync { pause = max(pause, fullSyncInterval - sinceFullSync) }
        let isPermanent =
            switch error {
            case let error as TapError: !error.isTransient && !(mayFallBack && error.awaitsReplica)
            case let error as RedisError: !error.isTransient
            default: false
            }
        self = .failed(isPermanent: isPermanent, after: pause)
    }
}
