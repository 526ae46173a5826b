import NIOConcurrencyHelpers
import NIOCore

/// When a server last forked for a full sync. All ``ReplicationTap``s of a relay share it, so that a new one waits too.
/// Thread-safe.
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
