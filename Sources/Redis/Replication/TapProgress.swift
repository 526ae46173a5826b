import NIOConcurrencyHelpers
import NIOCore

/// How far a ``ReplicationTap`` has read, across its connections; thread-safe.
final class TapProgress: Sendable {
    private struct State {
        var figures = TapFigures()
        /// Position up to which the sink has received everything.
        var delivered: ReplicationPosition?
        /// Where the next connection continues; differs from `delivered` after a full sync whose data was not read.
        var resumeAt: ReplicationPosition?
        var followsFullSync = false
        var hasTriedToOpenBacklog = false
        /// The connection, set before it is open.
        var channel: (any Channel)?
        /// The server of the attachment.
        var server: RedisEndpoint?
        /// When the last attachment ended.
        var lostAt: NIODeadline?
    }

    /// How long after a lost connection the tap looks for a server that continues the stream.
    private static let patience = TimeAmount.seconds(10)

    private let state: NIOLockedValueBox<State>
    private let lastFullSync: FullSyncTime

    init(last: ReplicationPosition?, lastFullSync: FullSyncTime) {
        self.lastFullSync = lastFullSync
        state = NIOLockedValueBox(State(delivered: last, resumeAt: last))
    }

    var position: ReplicationPosition? { state.withLockedValue { $0.delivered } }
    var figures: TapFigures { state.withLockedValue { $0.figures } }
    var channel: (any Channel)? { state.withLockedValue { $0.channel } }
    /// nil if there is no attachment.
    var server: RedisEndpoint? { state.withLockedValue { $0.server } }

    func opened(_ channel: any Channel) { state.withLockedValue { $0.channel = channel } }

    func closed(at now: NIODeadline) {
        state.withLockedValue {
            if $0.server != nil { $0.lostAt = now }
            ($0.channel, $0.server) = (nil, nil)
            $0.figures.isAttached = false
        }
    }

    /// What the next connection is for.
    ///
    /// - Parameter hasChoice: whether the address names several servers.
    func request(limits: TapLimits, hasChoice: Bool, at now: NIODeadline) -> TapMachine.Request {
        state.withLockedValue { state in
            TapMachine.Request(
                resumeAt: state.resumeAt, delivered: state.delivered, limits: limits,
                sinceFullSync: lastFullSync.elapsed(at: now),
                mayOpenBacklog: !state.hasTriedToOpenBacklog, hasChoice: hasChoice,
                mayWait: state.lostAt.map { now - $0 < Self.patience } ?? false,
                followsFullSync: state.followsFullSync)
        }
    }

    func triedToOpenBacklog() { state.withLockedValue { $0.hasTriedToOpenBacklog = true } }

    /// There was no connection: the next one may reach another server.
    func failed() { state.withLockedValue { $0.hasTriedToOpenBacklog = false } }

    /// The server has forked.
    func syncing(to position: ReplicationPosition, at now: NIODeadline) {
        state.withLockedValue {
            $0.resumeAt = position
            $0.followsFullSync = true
        }
        lastFullSync.began(at: now)
    }

    func attached(_ attachment: TapAttachment, to server: RedisEndpoint) {
        state.withLockedValue {
            $0.server = server
            ($0.delivered, $0.resumeAt) = (attachment.position, attachment.position)
            ($0.followsFullSync, $0.hasTriedToOpenBacklog) = (false, false)
            if attachment.start == .synced { $0.figures.fullSyncs += 1 } else { $0.figures.partialSyncs += 1 }
            $0.figures.isAttached = true
        }
    }

    /// One read was passed on.
    ///
    /// - Parameters:
    ///   - offset: of the stream; nil if it is not attached.
    ///   - counts: of this tap.
    ///   - transferBytes: of this read.
    func read(offset: Int64?, counts: CommandCounts, transferBytes: Int64, at time: UInt64) {
        state.withLockedValue {
            $0.figures.lastReadAt = time
            $0.figures.transferBytes += transferBytes
            guard let offset, let before = $0.delivered?.offset else { return }
            $0.figures.commands = counts
            $0.figures.streamBytes += offset - before
            $0.delivered?.offset = offset
            $0.resumeAt?.offset = offset
        }
    }
}
