import NIOConcurrencyHelpers
import Redis

/// Asks the server where a subscription and a link meet, while a ``TapSeam`` does not know it.
///
/// Messages alone often suffice, but not if nothing is published, or only equal ones.
struct SeamBounding: Sendable {
    private static let questions = 20
    private static let firstPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(2)

    let seam: TapSeam
    let subscriber: RedisSubscriber
    let link: ReplicationTap

    /// Begin directly after the link has attached.
    ///
    /// - Returns: true if the server was asked as often as allowed, without success.
    func run() async -> Bool {
        // What was published before the link's first envelope has passed the subscription by then.
        _ = await subscriber.fence { seam.bound(subscription: nil, link: 0) }
        var pause = Self.firstPause
        for _ in 0..<Self.questions {
            try? await Task.sleep(for: pause)
            if Task.isCancelled || seam.isLinked { return false }
            pause = min(pause * 2, Self.longestPause)
            let subscription = seam.counts.subscription
            let read = NIOLockedValueBox(0)
            guard await link.fence({ read.withLockedValue { $0 = seam.counts.link } }) else { continue }
            _ = await subscriber.fence {
                seam.bound(subscription: subscription, link: read.withLockedValue { $0 })
            }
        }
        return !Task.isCancelled && !seam.isLinked
    }
}
