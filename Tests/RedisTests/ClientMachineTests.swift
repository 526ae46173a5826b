import NIOCore
import Testing

@testable import Redis

/// Every transition of a command connection, without a network. Callers are names.
@Suite struct ClientMachineTests {
    typealias Machine = ClientMachine<String>

    /// The resulting actions, for comparison.
    enum Done: Equatable {
        case nothing
        case write
        case answer(String, RESPValue)
        case message
        case watch(seconds: Int64)
        case close
        case fail([String], RedisError)

        init(_ action: Machine.Action?) {
            self =
                switch action {
                case nil: .nothing
                case .write: .write
                case .answer(let caller, let reply): .answer(caller, reply)
                case .message: .message
                case .watch(let amount): .watch(seconds: amount.nanoseconds / 1_000_000_000)
                case .close: .close
                case .fail(let pending, let error):
                    .fail(pending.flatMap { Array(repeating: $0.caller, count: $0.missing) }, error)
                }
        }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let inputs: [Machine.Input]
        /// Of the last input.
        let done: Done

        init(_ name: String, _ inputs: [Machine.Input], _ done: Done) {
            testDescription = name
            self.inputs = inputs
            self.done = done
        }
    }

    private static func send(_ caller: String, _ count: Int = 1, at second: UInt64 = 0) -> Machine.Input {
        .send(count: count, caller: caller, at: at(second))
    }

    private static func at(_ second: UInt64) -> NIODeadline { .uptimeNanoseconds(second * 1_000_000_000) }

    private static let endpoint = "redis:6379"
    private static let closed = RedisError.connectionClosed(endpoint: endpoint)
    private static let broken = RedisError.notRedis(endpoint: endpoint, reason: "got H")
    private static let full = RedisError.outOfMemory(endpoint: endpoint)
    private static let ok = Machine.Input.reply(.status("OK"))
    private static let message = Machine.Input.reply(
        .array([.bulk(Array("message".utf8)), .bulk(Array("chat".utf8)), .bulk([])]))

    static let open: [Row] = [
        Row("a command is written", [send("a")], .write),
        Row("its answer", [send("a"), .heard, ok], .answer("a", .status("OK"))),
        Row(
            "replies arrive in the order of commands", [send("a"), send("b", 2), ok, ok], .answer("b", .status("OK"))),
        Row("every one of a caller's", [send("b", 2), send("c"), ok, ok], .answer("b", .status("OK"))),
        Row("then the next caller's", [send("b", 2), send("c"), ok, ok, ok], .answer("c", .status("OK"))),
        Row("an error reply is an answer", [send("a"), .reply(.error("ERR x"))], .answer("a", .error("ERR x"))),
        Row("an unexpected reply", [send("a"), ok, ok], .close),
        Row(
            "an unexpected reply is the reason", [ok, .inactive],
            .fail([], .notRedis(endpoint: endpoint, reason: "an unexpected reply"))),
        Row(
            "an unexpected error is the reason", [.reply(.error("LOADING x")), .inactive],
            .fail([], .loading(endpoint: endpoint))),
        Row("a message on a connection that only asks", [message], .close),
        Row("a failure", [send("a"), .failed(broken)], .close),
        Row("closed by the server", [send("a"), send("b", 3), ok, ok, .inactive], .fail(["b", "b"], closed)),
        Row("closed with nothing to answer", [send("a"), ok, .inactive], .fail([], closed)),
        Row("nothing is waited for", [send("a"), ok, .answersDue(at(60))], .nothing),
        Row(
            "the oldest may wait longer", [send("a", at: 0), send("b", at: 6), ok, .answersDue(at(10))],
            .watch(seconds: 6)),
        Row("the oldest waits too long", [send("a", at: 0), send("b", at: 6), .answersDue(at(10))], .close),
        Row(
            "silence is the reason", [send("a"), .answersDue(at(10)), .inactive],
            .fail(["a"], .noAnswer(endpoint: endpoint, seconds: 10))),
    ]

    static let ending: [Row] = [
        Row("the first reason is kept", [send("a"), .failed(full), .failed(broken), .inactive], .fail(["a"], full)),
        Row("asked again it closes again", [.failed(full), .failed(broken)], .close),
        Row("a late answer is one", [send("a"), .failed(full), ok], .answer("a", .status("OK"))),
        Row("a late reply that nobody asked for", [.failed(full), ok], .nothing),
        Row("no limit while it closes", [send("a"), .failed(full), .answersDue(at(60))], .nothing),
        Row("a command while it closes is not written", [.failed(full), send("b")], .nothing),
        Row(
            "it fails after the earlier ones", [send("a"), .failed(full), send("b", 2), .inactive],
            .fail(["a", "b", "b"], full)),
        Row("a command after the end", [.inactive, send("late", 2)], .fail(["late", "late"], closed)),
        Row("a command after a failure", [.failed(full), .inactive, send("late")], .fail(["late"], full)),
        Row("the end is the end", [send("a"), .inactive, .inactive], .nothing),
        Row("nothing after the end", [.inactive, .heard, ok, .failed(full), .answersDue(at(60))], .nothing),
    ]

    @Test(arguments: open + ending) func transition(_ row: Row) {
        #expect(run(row.inputs) == row.done)
    }

    static let messages: [Row] = [
        Row("a message is nobody's answer", [send("a"), message], .message),
        Row("the answer behind a message", [send("a"), message, ok], .answer("a", .status("OK"))),
    ]

    @Test(arguments: messages) func subscribedConnection(_ row: Row) {
        #expect(run(row.inputs, takesMessages: true) == row.done)
    }

    private func run(_ inputs: [Machine.Input], takesMessages: Bool = false) -> Done {
        let configuration = RedisConfiguration(host: "redis")
        var machine = Machine(
            tls: TLSWatch(configuration, server: configuration.servers[0]), answerTimeout: .seconds(10),
            takesMessages: takesMessages)
        var action: Machine.Action?
        for input in inputs { action = machine.handle(input) }
        return Done(action)
    }
}
