import Loopback
/// The order of a check.
struct CheckSteps: Sendable {
    /// How far a check has come.
    struct Progress: Sendable {
        /// Of the steps that count answers.
        var calls: [CheckStep: CallTally]
        /// The step that could not be carried out; those behind it were not tried.
        var unproven: CheckStep?
    }

    let session: CheckSession
    let report: @Sendable (String) -> Void

    /// A step that cannot be carried out ends the check, but takes away nothing of what is proven by then.
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
