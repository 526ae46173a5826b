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
            calls: Dictionary(uniqueKeysWithValues: CheckStep.withAnswers.map { ($0, CallTally()) }))
        for step in session.generation.steps where step != .statefulReconnect || session.hasStateful {
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
        case .connection: try await session.connections()
        case .results: try await session.results(tally)
        case .clientResults: try await session.clientResults(tally)
        case .streams: try await session.streams(tally)
        case .errors: try await session.errors(tally)
        case .progress: try await session.progress(tally)
        case .reconnect:
            if session.generation.isCore {
                try await session.replaceConnections()
            } else {
                try await session.reconnect()
            }
        case .statefulReconnect: try await session.resumeConnections()
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
    /// The client of a connection id, and no other, receives a message to it.
    case connection
    /// Return values arrive unchanged.
    case results
    /// Client results arrive unchanged, also through another node.
    case clientResults
    /// Items of streams arrive in order, in both directions.
    case streams
    /// The text of a HubException arrives, marked as one.
    case errors
    /// Progress reports arrive in order.
    case progress
    /// A client whose transport was lost receives what was sent in the meantime. In ASP.NET Core its new connection
    /// receives later messages only, and must join its groups again.
    case reconnect
    /// With stateful reconnect, a connection that loses its webSocket keeps its id and groups, and receives what was
    /// sent in the meantime.
    case statefulReconnect
    /// A client that reconnects to another node misses nothing and keeps its groups.
    case otherNode

    /// Title in the table.
    package var title: String {
        switch self {
        case .clientResults: "answers"
        case .statefulReconnect: "stateful"
        case .otherNode: "other node"
        default: rawValue
        }
    }

    /// Steps that count answers instead of messages.
    static let withAnswers: [CheckStep] = [.backplane, .results, .clientResults, .streams, .errors, .progress]

    /// What remains unproven if the step could not be carried out.
    var proof: String {
        switch self {
        case .connect: "that every client receives from the backplane"
        case .backplane: "that the nodes publish on this channel"
        case .broadcast: "that every client receives every broadcast"
        case .groups: "that members of a group, and only they, receive its messages"
        case .users: "that every client of a user, and no other, receives the user's messages"
        case .others: "that everyone but the caller receives a message to others"
        case .connection: "that the client of a connection id, and no other, receives a message to it"
        case .results: "that results arrive unchanged"
        case .clientResults: "that clients' answers arrive unchanged"
        case .streams: "that the items of streams arrive in order"
        case .errors: "that errors arrive"
        case .progress: "that progress reports arrive in order"
        case .reconnect: "that a client whose transport was lost receives messages again"
        case .statefulReconnect: "that a connection with stateful reconnect misses nothing when its webSocket fails"
        case .otherNode: "that a client that reconnects to another node misses nothing and keeps its groups"
        }
    }
}

/// Which clients and which backplane are checked.
enum CheckGeneration: Sendable {
    case signalR2
    case core

    var isCore: Bool { self == .core }

    /// The steps, in order.
    var steps: [CheckStep] {
        switch self {
        case .signalR2:
            [
                .connect, .backplane, .broadcast, .groups, .users, .others, .results, .errors, .progress, .reconnect,
                .otherNode,
            ]
        case .core:
            [
                .connect, .backplane, .broadcast, .groups, .users, .others, .connection, .results, .clientResults,
                .streams, .errors, .reconnect, .statefulReconnect,
            ]
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
