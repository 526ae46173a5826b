import Capture
import JSON
import SignalRClient
import Synchronization

/// Steps that check what the callers of hub methods receive.
extension CheckSession {
    private static let values: [JSONTree] = [
        "plain", "", " ", "é 日本 👍🏽 𝄞", "e\u{301} \u{E9}", #"quote " backslash \ slash / <b>&amp;</b> \u0041"#,
        "\u{0}\u{1}\t\n\r\u{1F}\u{7F}\u{85}\u{2028}\u{2029}\u{FEFF}",
        .string(String(repeating: "long é ", count: 2_000)),
        0, -1, 2_147_483_648, 9_007_199_254_740_991, 0.1, -1.5e-7, true, false, nil, [], [1, ["two", nil], [:]],
        ["a": ["b": [nil, 1.5]], "é": "ü"],
    ]

    func results(_ tally: CallTally) async throws {
        try await all(participants) { caller in
            for value in Self.values {
                let result = try await retry("\(caller.name) calls echo") {
                    try await caller.client.call("echo", [value])
                }
                tally.count(isRight: result == value)
                if result != value {
                    deliveryLog.fault(
                        .results,
                        "\(caller.name): echo of \(Self.shortened(value)) came back as \(Self.shortened(result))")
                }
            }
        }
    }

    func errors(_ tally: CallTally) async throws {
        try await all(participants) { caller in
            for text in ["no such ticket", #"é 日本 👍 "quoted" \ <b>"#] {
                let fault = try await wrongAnswer(of: caller, to: text)
                tally.count(isRight: fault == nil)
                if let fault { deliveryLog.fault(.errors, "\(caller.name): \(fault)") }
            }
        }
    }

    /// - Returns: nil if the HubException arrived correctly.
    private func wrongAnswer(of caller: Participant, to text: String) async throws -> String? {
        let outcome = try await retry("\(caller.name) calls fail") {
            do {
                return Result<JSONTree, CallError>.success(
                    try await caller.client.call("fail", [.string(text)]))
            } catch let error as CallError {
                return .failure(error)
            }
        }
        switch outcome {
        case .success(let value): return "fail returned \(Self.shortened(value)) instead of an error"
        case .failure(let error):
            let expected =
                generation.isCore
                ? "An unexpected error occurred invoking 'fail' on the server. HubException: \(text)" : text
            guard JSONTree.string(error.text) == .string(expected) else {
                return "the error's text is '\(error.text)' instead of '\(expected)'"
            }
            return error.isHubException ? nil : "the error '\(text)' is not marked as a HubException"
        }
    }

    func progress(_ tally: CallTally) async throws {
        let count = 5
        try await all(participants) { caller in
            let inTime = Counted()
            let result = try await retry("\(caller.name) calls progress") {
                try await callProgress(caller, count: count, inTime: inTime)
            }
            let isRight = result.integer == Int64(count)
            tally.count(isRight: isRight)
            if !isRight {
                deliveryLog.fault(.progress, "\(caller.name): progress(\(count)) returned \(Self.shortened(result))")
            }
            // The result need not go through Redis, but the reports do: on a scaled-out node it can overtake them.
            if inTime.value < count {
                deliveryLog.note(
                    "\(caller.name): \(count - inTime.value) of \(Quantity.text(count, "progress report")) came after the result"
                )
            }
        }
        try await fence(.progress)
    }

    private func callProgress(_ caller: Participant, count: Int, inTime: Counted) async throws -> JSONTree {
        let number = Counted()
        inTime.value = 0
        guard let client = caller.signalR2 else { return .null }
        do {
            return try await client.invoke(
                Self.hub, "progress", [.integer(Int64(count))],
                onProgress: { _ in inTime.add(1) },
                onCall: { call in
                    number.value = call
                    deliveryLog.enterProgress(client: caller.index, call: call, count: count)
                })
        } catch {
            deliveryLog.releaseProgress(client: caller.index, call: number.value)
            throw error
        }
    }

    static func shortened(_ value: JSONTree) -> String {
        let text = value.description
        return text.count > 80 ? "\(text.prefix(80))..." : text
    }
}

/// A counter shared by closures on several threads.
final class Counted: Sendable {
    private let number = Mutex(0)

    var value: Int {
        get { number.withLock { $0 } }
        set { number.withLock { $0 = newValue } }
    }

    func add(_ amount: Int) {
        number.withLock { $0 += amount }
    }
}
