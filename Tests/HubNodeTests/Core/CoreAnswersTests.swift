import Testing

@testable import HubNode

/// How a hub method's wait for a client's result ends.
@Suite("Client results")
struct CoreAnswersTests {
    private enum Event {
        /// From a client of this node.
        case result(id: String, from: String, CoreClientMessage.Completion)
        /// From another node.
        case forwarded(id: String, CoreClientMessage.Completion)
        case failed(id: String)
        case disconnected(String)
        case giveUpAll
    }

    private static func value(_ text: String) -> CoreClientMessage.Completion {
        .result(HubArgument(json: Array(text.utf8)))
    }

    /// The outcome of call `1` to the connection `c`.
    private static let rows: [(events: [Event], outcome: String)] = [
        ([.result(id: "1", from: "c", value("7"))], "7"), ([.forwarded(id: "1", value("7"))], "7"),
        ([.result(id: "1", from: "c", .error("no"))], "error no"),
        (
            [.result(id: "1", from: "c", .void)],
            "error Exception of type 'Microsoft.AspNetCore.SignalR.HubException' was thrown."
        ),
        // Another client cannot answer, nor can another call be answered.
        ([.result(id: "1", from: "d", value("8")), .result(id: "1", from: "c", value("7"))], "7"),
        ([.result(id: "2", from: "c", value("8")), .forwarded(id: "2", value("8")), .failed(id: "1")], "not sent"),
        // The first one counts.
        ([.result(id: "1", from: "c", value("7")), .failed(id: "1"), .disconnected("c"), .giveUpAll], "7"),
        (
            [.disconnected("d"), .disconnected("c"), .result(id: "1", from: "c", value("7"))],
            "error Connection disconnected."
        ),
        ([.giveUpAll, .forwarded(id: "1", value("7"))], "stopped"),
    ]

    @Test("the outcome of a call", arguments: rows)
    private func outcome(events: [Event], outcome: String) async {
        var answers = CoreAnswers()
        var remaining = -1
        let result: String
        do {
            let value = try await withCheckedThrowingContinuation { continuation in
                answers.wait(for: "1", from: "c", continuation)
                for event in events {
                    switch event {
                    case .result(let id, let connection, let completion):
                        answers.resolve(id, from: connection, completion)
                    case .forwarded(let id, let completion): answers.resolve(id, completion)
                    case .failed(let id):
                        let wasWaiting = answers.count == 1
                        let isFailed = answers.fail(id, CallFailure.notPublished("x"))
                        #expect(isFailed == wasWaiting)
                    case .disconnected(let connection):
                        let expected = connection == "c" ? answers.count : 0
                        let owed = answers.disconnected(connection)
                        #expect(owed == expected)
                    case .giveUpAll: answers.giveUpAll()
                    }
                }
                remaining = answers.count
            }
            result = text(value.json) ?? ""
        } catch is CancellationError {
            result = "stopped"
        } catch is CallFailure {
            result = "not sent"
        } catch let error as HubError {
            result = "error \(error.message)"
        } catch {
            result = "\(error)"
        }
        #expect(result == outcome)
        #expect(remaining == 0)
    }
}
