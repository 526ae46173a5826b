import Loopback
import Synchronization

/// The sequence of a check.
struct CheckSteps: Sendable {
    /// The progress of a check.
    struct Progress: Sendable {
        /// Tallies of the steps that count answers.
        var calls: [CheckStep: CallTally]
        /// The step that could not be carried out; later ones were skipped.
        var unproven: CheckStep?
    }

    let session: CheckSession
    let report: @Sendable (String) -> Void

    /// A step that cannot be carried out ends the check, but keeps earlier results.
    ///
    /// - Throws: `RedisError` if Redis cannot be reached; `CancellationError`.
    func run() async throws -> Progress {
        var progress = Progress(
            calls: [.backplane: CallTally(), .results: CallTally(), .errors: CallTally(), .progress: CallTally()])
        for step in CheckStep.allCases {
            report(step.title)
            do {
                try await run(step, progress.calls[step] ?? CallTally())
            } catch let error as SetupError {
                progress.unproven = step
                session.abandon(step, because: error)
                break
            }
        }
        return progress
    }

    private func run(_ step: CheckStep, _ tally: CallTally) async throws {
        switch step {
        case .connect: try await session.fence(.connect)
        case .backplane: try await session.backplane(tally)
        case .broadcast: try await session.broadcast()
        case .groups: try await session.groups()
        case .users: try await session.users()
        case .others: try await session.others()
        case .results: try await session.results(tally)
        case .errors: try await session.errors(tally)
        case .progress: try await session.progress(tally)
        case .reconnect: try await session.reconnect()
        case .otherNode: if session.nodes.count > 1 { try await session.changeNode() }
        }
    }
}

/// What the check proves, in this order.
package enum CheckStep: String, CaseIterable, Sendable, Encodable {
    /// Every client receives its first frame, which passes through Redis.
    case connect
    /// Running nodes publish on the named channel, whose counter is therefore the right one.
    case backplane
    /// Every client receives every broadcast once and in order.
    case broadcast
    /// Members of a group, and only they, receive its messages.
    case groups
    /// Every client of a user, and no other, receives a message to that user.
    case users
    /// Everyone but the caller.
    case others
    /// Return values arrive unchanged.
    case results
    /// The text of a HubException arrives, marked as one.
    case errors
    /// Progress reports arrive in order.
    case progress
    /// A client whose transport was lost receives what was sent meanwhile.
    case reconnect
    /// A client that reconnects to another node misses nothing and keeps its groups.
    case otherNode

    /// Title in the table.
    package var title: String { self == .otherNode ? "other node" : rawValue }

    /// What remains unproven if the step could not be carried out.
    var proof: String {
        switch self {
        case .connect: "that every client receives from the backplane"
        case .backplane: "that the nodes publish on this channel"
        case .broadcast: "that every client receives every broadcast"
        case .groups: "that members of a group, and only they, receive its messages"
        case .users: "that every client of a user, and no other, receives the user's messages"
        case .others: "that everyone but the caller receives a message to others"
        case .results: "that results arrive unchanged"
        case .errors: "that errors arrive"
        case .progress: "that progress reports arrive in order"
        case .reconnect: "that a client whose transport was lost receives what was sent meanwhile"
        case .otherNode: "that a client that reconnects to another node misses nothing and keeps its groups"
        }
    }
}

/// Answers of hub methods: how many were expected, and how many were right.
final class CallTally: Sendable {
    private let counts = Mutex((expected: 0, received: 0))

    func count(isRight: Bool) {
        counts.withLock {
            $0.expected += 1
            $0.received += isRight ? 1 : 0
        }
    }

    var current: (expected: Int, received: Int) { counts.withLock { $0 } }
}
