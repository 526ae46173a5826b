import Foundation
import TestSupport
import Testing

/// Several faults at random times during traffic; each run has a seed and must account for every envelope.
@Suite(
    "Random faults", .serialized, .needs(.redisServer, .python, .gcc),
    .enabled(if: TinyDisk.shouldBeTested, "mounting takes root"))
struct RandomFaultTests {
    private static let runsAtOnce = 2

    private static func number(_ variable: String) -> UInt64? {
        ProcessInfo.processInfo.environment[variable].flatMap { UInt64($0) }
    }

    @Test("three to six faults at random times")
    func mixture() async throws {
        let first = Self.number("FAULT_FIRST_SEED") ?? 1
        let count = Self.number("FAULT_SEEDS") ?? 20
        try await run((first..<first + count).map { FaultPlan(seed: $0) }) { plan in
            "Tests/FaultTests/run --seeds 1 --first \(plan.seed)"
        }
    }

    @Test(
        "the relay stopped at a random time during each fault, and restarted",
        arguments: [Fault.relayStopped, .relayKilled])
    func relayEnds(by end: Fault) async throws {
        let first = Self.number("FAULT_FIRST_SEED") ?? 1
        let plans = Fault.allCases.filter { ![.relayStopped, .relayKilled].contains($0) }.map {
            FaultPlan(seed: first, $0, endingRelayBy: end)
        }
        try await run(plans) { _ in
            "FAULT_FIRST_SEED=\(first) swift test --filter FaultTests.RandomFaultTests/relayEnds"
        }
    }

    /// Runs the plans, a few at once, and prints a line for each.
    private func run(_ plans: [FaultPlan], again: @escaping @Sendable (FaultPlan) -> String) async throws {
        try await withThrowingTaskGroup(of: (published: Int, isBalanced: Bool).self) { group in
            var waiting = plans[...]
            var published = 0
            var unbalanced = 0
            for _ in 0..<Self.runsAtOnce {
                if let plan = waiting.popFirst() { group.addTask { await Self.run(plan, again) } }
            }
            while let outcome = try await group.next() {
                published += outcome.published
                if !outcome.isBalanced { unbalanced += 1 }
                if let plan = waiting.popFirst() { group.addTask { await Self.run(plan, again) } }
            }
            let faults = plans.reduce(0) { $0 + $1.faults.count }
            print("\(plans.count) runs, \(faults) faults, \(published) envelopes, \(unbalanced) runs not balanced")
        }
    }

    private static func run(
        _ plan: FaultPlan, _ again: @Sendable (FaultPlan) -> String
    ) async -> (published: Int, isBalanced: Bool) {
        let name =
            "seed \(plan.seed): \(plan.isPersistent ? "persistent, " : "")"
            + plan.faults.map(\.description).joined(separator: " ")
        do {
            let account = try await Chaos.run(plan)
            print("\(name): \(account)")
            guard account.isBalanced else {
                let problems = account.problems.joined(separator: "\n  ")
                Issue.record("\(name): \(account)\n  \(problems)\nagain: \(again(plan))")
                return (account.published, false)
            }
            return (account.published, true)
        } catch {
            Issue.record("\(name): \(error)\nagain: \(again(plan))")
            return (0, false)
        }
    }
}
