/// The order of a check.
struct CheckSteps: Sendable {
    let session: CheckSession
    let report: @Sendable (String) -> Void

    /// - Returns: the tallies of the steps that count answers.
    func run() async throws -> [CheckStep: CallTally] {
        let tallies: [CheckStep: CallTally] = [.results: CallTally(), .errors: CallTally(), .progress: CallTally()]
        for step in CheckStep.allCases {
            report(step.title)
            try await run(step, tallies[step] ?? CallTally())
        }
        return tallies
    }

    private func run(_ step: CheckStep, _ tally: CallTally) async throws {
        switch step {
        case .connect: try await session.fence(.connect)
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
