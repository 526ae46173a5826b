import NIOConcurrencyHelpers
import NIOCore

/// When a server last forked for a full sync, for every ``ReplicationTap`` of a relay: a new one must wait, too;
/// thread-safe.
package final class FullSyncTime: Sendable {
    private let last = NIOLockedValueBox<NIODeadline?>(nil)

    /// Never.
    package init() {}

    /// How long ago; nil for never.
    package var elapsed: Duration? { elapsed(at: .now()) }

    func elapsed(at now: NIODeadline) -> Duration? {
        last.withLockedValue { $0.map { .nanoseconds((now - $0).nanoseconds) } }
    }

    func began(at now: NIODeadline) { last.withLockedValue { $0 = now } }
}
