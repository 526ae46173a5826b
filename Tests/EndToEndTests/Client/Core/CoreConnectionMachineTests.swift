import NIOCore
import Testing

@testable import SignalRClient

/// Every input in the main states, and the usual paths through them.
struct CoreConnectionMachineTests {
    private typealias Machine = CoreConnectionMachine

    private static let lost = SignalRClientError.transportLost(node: "n", reason: "gone")
    private static let forgotten = SignalRClientError.refused(node: "n", request: "r", status: 404, text: "")
    private static let held = SignalRClientError.refused(node: "n", request: "r", status: 409, text: "")
    private static let closed = SignalRClientError.closedByHub(node: "n", error: "e")
    private static let dropped = SignalRClientError.misuse("dropped by the owner")
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private static let delays: [TimeAmount] = [.zero, .seconds(2)]
    private static let waitingReason = SignalRClientState.waiting(reason: "dropped by the owner")

    /// The events of opening a connection.
    private static let way: [Machine.Input] = [.start, .negotiated(epoch: 1), .opened(epoch: 1)]

    private static func machine(
        delays: [TimeAmount] = Self.delays, _ inputs: [Machine.Input]
    ) -> Machine {
        var machine = Machine(retryDelays: delays)
        for input in inputs { _ = machine.handle(input, now: start) }
        return machine
    }

    private static func connected(
        delays: [TimeAmount] = Self.delays, canResume: Bool = false, _ more: Machine.Input...
    ) -> Machine {
        machine(delays: delays, way + [.shakenHands(canResume: canResume, epoch: 1)] + more)
    }

    /// Each state, with the inputs that lead to it.
    private static let states: [(name: String, machine: Machine)] = {
        let connected = way + [.shakenHands(canResume: false, epoch: 1)]
        let stateful = way + [.shakenHands(canResume: true, epoch: 1)]
        let lost = Machine.Input.transportEnded(Self.lost, epoch: 1)
        let inputs: [(String, [Machine.Input])] = [
            ("idle", []), ("negotiating", [.start]), ("opening", [.start, .negotiated(epoch: 1)]),
            ("handshaking", way), ("connected", connected), ("stateful", stateful), ("resuming", stateful + [lost]),
            ("delaying", connected + [lost]), ("negotiatingAgain", connected + [lost, .due(epoch: 2)]),
            ("dropped", connected + [.drop]), ("droppedStateful", stateful + [.drop]),
            ("negotiatingByOwner", connected + [.drop, .reconnect]), ("ended", connected + [.stop]),
        ]
        return inputs.map { ($0, machine($1)) }
    }()

    private static let end = "closeTransport forget report fail"
    private static let lose = "closeTransport forget report closeTransport wait"
    private static let replace = "closeTransport forget negotiate"

    /// An input, made for the current epoch, and the names of its actions: `others` in each state that is not listed.
    private static let transitions:
        [(name: String, input: @Sendable (Int) -> CoreConnectionMachine.Input, others: String, [String: String])] = [
            ("start", { _ in .start }, "fail", ["idle": "report negotiate"]),
            (
                "negotiated", { .negotiated(epoch: $0) }, "",
                ["negotiating": "open", "negotiatingAgain": "open", "negotiatingByOwner": "open"]
            ),
            ("opened", { .opened(epoch: $0) }, "", ["opening": "shakeHands", "resuming": "resend report succeed"]),
            ("shakenHands", { .shakenHands(canResume: false, epoch: $0) }, "", ["handshaking": "report succeed"]),
            (
                "failed", { .failed(lost, epoch: $0) }, "",
                [
                    "negotiating": end, "opening": end, "handshaking": end, "resuming": "closeTransport wait",
                    "negotiatingAgain": "closeTransport wait", "negotiatingByOwner": "closeTransport report fail",
                ]
            ),
            (
                "transportEnded", { .transportEnded(lost, epoch: $0) }, "",
                [
                    "opening": end, "handshaking": end, "connected": lose, "stateful": "report closeTransport open",
                    "resuming": "closeTransport wait",
                ]
            ),
            (
                "closed", { .closed(closed, allowReconnect: true, epoch: $0) }, "",
                ["handshaking": end, "connected": lose, "stateful": lose]
            ),
            (
                "closed for good", { .closed(closed, allowReconnect: false, epoch: $0) }, "",
                ["handshaking": end, "connected": end, "stateful": end]
            ),
            ("due", { .due(epoch: $0) }, "", ["resuming": "closeTransport open", "delaying": "negotiate"]),
            (
                "drop", { _ in .drop }, "",
                [
                    "connected": "closeTransport forget report", "stateful": "closeTransport report",
                    "resuming": "closeTransport report", "delaying": "closeTransport forget report",
                    "negotiatingAgain": "closeTransport forget report",
                    "negotiatingByOwner": "closeTransport forget report fail",
                ]
            ),
            (
                "reconnect", { _ in .reconnect }, "fail",
                [
                    "connected": replace, "stateful": "closeTransport open", "resuming": "closeTransport open",
                    "delaying": "negotiate", "dropped": "negotiate", "droppedStateful": "closeTransport open",
                ]
            ),
            (
                "replace", { _ in .replace }, "fail",
                [
                    "connected": "sayGoodbye " + replace, "stateful": "sayGoodbye " + replace, "resuming": replace,
                    "delaying": replace, "dropped": replace, "droppedStateful": replace,
                ]
            ),
            (
                "stop", { _ in .stop }, end,
                [
                    "opening": "sayGoodbye " + end, "handshaking": "sayGoodbye " + end,
                    "connected": "sayGoodbye " + end, "stateful": "sayGoodbye " + end, "ended": "",
                ]
            ),
        ]

    @Test func everyInputInEveryState() {
        for (input, make, others, exceptions) in Self.transitions {
            for (state, machine) in Self.states {
                var machine = machine
                let actions = machine.handle(make(machine.epoch), now: Self.start)
                let names = actions.map { String("\($0)".prefix { $0 != "(" }) }.joined(separator: " ")
                #expect(names == exceptions[state] ?? others, "\(input) in \(state)")
            }
        }
    }

    @Test func connectsAndStops() {
        var machine = Machine(retryDelays: [])
        #expect(machine.handle(.start, now: Self.start) == [.report(.connecting), .negotiate(epoch: 1)])
        #expect(machine.handle(.negotiated(epoch: 1), now: Self.start) == [.open(resuming: false, epoch: 1)])
        #expect(machine.handle(.opened(epoch: 1), now: Self.start) == [.shakeHands(epoch: 1)])
        #expect(machine.handle(.opened(epoch: 1), now: Self.start) == [])
        #expect(!machine.takesMessages)
        #expect(
            machine.handle(.shakenHands(canResume: false, epoch: 1), now: Self.start)
                == [.report(.connected), .succeed])
        #expect(machine.takesMessages)
        #expect(
            machine.handle(.stop, now: Self.start) == [
                .sayGoodbye(connected: true), .closeTransport, .forget(.stopped),
                .report(.disconnected(reason: "the client was stopped")), .fail(.stopped),
            ])
        #expect(machine.handle(.stop, now: Self.start) == [])
        #expect(machine.handle(.transportEnded(Self.lost, epoch: 1), now: Self.start) == [])
        #expect(machine.handle(.start, now: Self.start).count == 1)
    }

    @Test(arguments: 1...3)
    func aFailedFirstConnectionIsFinal(steps: Int) {
        var machine = Self.machine(Array(Self.way.prefix(steps)))
        #expect(
            machine.handle(.failed(Self.lost, epoch: 1), now: Self.start) == [
                .closeTransport, .forget(Self.lost), .report(.disconnected(reason: "\(Self.lost)")), .fail(Self.lost),
            ])
        #expect(machine.phase == .ended)
    }

    @Test func aRefusedHandshakeIsFinal() {
        var machine = Self.machine(Self.way)
        let actions = machine.handle(.closed(Self.closed, allowReconnect: false, epoch: 1), now: Self.start)
        #expect(actions.last == .fail(Self.closed) && machine.phase == .ended)
    }

    @Test func aLostConnectionIsReplaced() {
        var machine = Self.connected()
        #expect(
            machine.handle(.transportEnded(Self.lost, epoch: 1), now: Self.start) == [
                .closeTransport, .forget(Self.lost), .report(.reconnecting(reason: "\(Self.lost)")), .closeTransport,
                .wait(.zero, epoch: 2),
            ])
        #expect(!machine.takesMessages)
        #expect(machine.handle(.due(epoch: 1), now: Self.start) == [])
        #expect(machine.handle(.due(epoch: 2), now: Self.start) == [.negotiate(epoch: 3)])
        #expect(
            machine.handle(.failed(Self.forgotten, epoch: 3), now: Self.start)
                == [.closeTransport, .wait(.seconds(2), epoch: 4)])
        #expect(machine.handle(.due(epoch: 4), now: Self.start) == [.negotiate(epoch: 5)])
        #expect(machine.handle(.negotiated(epoch: 5), now: Self.start) == [.open(resuming: false, epoch: 5)])
        #expect(machine.handle(.opened(epoch: 5), now: Self.start) == [.shakeHands(epoch: 5)])
        #expect(
            machine.handle(.shakenHands(canResume: false, epoch: 5), now: Self.start)
                == [.report(.connected), .succeed])
    }

    @Test func givesUpAfterTheLastDelay() {
        var machine = Self.connected(.transportEnded(Self.lost, epoch: 1), .due(epoch: 2))
        _ = machine.handle(.failed(Self.lost, epoch: 3), now: Self.start)
        _ = machine.handle(.due(epoch: 4), now: Self.start)
        let actions = machine.handle(.failed(Self.forgotten, epoch: 5), now: Self.start)
        #expect(actions.contains(.report(.disconnected(reason: "\(Self.forgotten)"))))
        #expect(machine.phase == .ended)
    }

    /// A close message says whether to reconnect; that is always a new connection.
    @Test(arguments: [true, false], [true, false])
    func aCloseMessageIsFollowed(allowReconnect: Bool, canResume: Bool) {
        var machine = Self.connected(canResume: canResume)
        let actions = machine.handle(
            .closed(Self.closed, allowReconnect: allowReconnect, epoch: 1), now: Self.start)
        #expect(actions.prefix(2) == [.closeTransport, .forget(Self.closed)])
        #expect(machine.phase == (allowReconnect ? .delaying(attempt: 0) : .ended))
    }

    @Test func aStatefulConnectionIsResumed() {
        var machine = Self.connected(canResume: true)
        #expect(
            machine.handle(.transportEnded(Self.lost, epoch: 1), now: Self.start) == [
                .report(.reconnecting(reason: "\(Self.lost)")), .closeTransport, .open(resuming: true, epoch: 2),
            ])
        #expect(machine.takesMessages)
        // The node has not yet detected that the previous webSocket is gone.
        #expect(
            machine.handle(.transportEnded(Self.held, epoch: 2), now: Self.start + .seconds(1))
                == [.closeTransport, .wait(.milliseconds(100), epoch: 3)])
        #expect(
            machine.handle(.due(epoch: 3), now: Self.start + .seconds(2))
                == [.closeTransport, .open(resuming: true, epoch: 4)])
        #expect(
            machine.handle(.opened(epoch: 4), now: Self.start + .seconds(2))
                == [.resend(epoch: 4), .report(.connected), .succeed])
        #expect(machine.phase == .connected)
    }

    @Test(arguments: [(forgotten, 1), (lost, 15)] as [(SignalRClientError, Int64)])
    func aConnectionThatTheNodeNoLongerHasIsReplaced(error: SignalRClientError, seconds: Int64) {
        var machine = Self.connected(canResume: true, .transportEnded(Self.lost, epoch: 1))
        let actions = machine.handle(.transportEnded(error, epoch: 2), now: Self.start + .seconds(seconds))
        #expect(
            actions == [
                .closeTransport, .forget(Self.lost), .report(.reconnecting(reason: "\(Self.lost)")), .closeTransport,
                .wait(.zero, epoch: 3),
            ])
        #expect(!machine.takesMessages)
    }

    @Test func withoutDelaysTheOwnerReconnects() {
        var machine = Self.connected(delays: [])
        #expect(
            machine.handle(.transportEnded(Self.lost, epoch: 1), now: Self.start)
                == [.closeTransport, .forget(Self.lost), .report(.waiting(reason: "\(Self.lost)"))])
        #expect(machine.handle(.reconnect, now: Self.start) == [.negotiate(epoch: 3)])
        #expect(
            machine.handle(.failed(Self.lost, epoch: 3), now: Self.start)
                == [.closeTransport, .report(.waiting(reason: "\(Self.lost)")), .fail(Self.lost)])
        #expect(machine.phase == .waiting(lostAt: nil))
    }

    @Test func aDroppedConnectionIsReplacedByItsOwner() {
        var machine = Self.connected()
        #expect(
            machine.handle(.drop, now: Self.start)
                == [.closeTransport, .forget(Self.dropped), .report(Self.waitingReason)])
        #expect(machine.handle(.transportEnded(Self.lost, epoch: 1), now: Self.start) == [])
        #expect(machine.handle(.reconnect, now: Self.start) == [.negotiate(epoch: 3)])
    }

    @Test(arguments: [(5, true), (15, false)] as [(Int64, Bool)])
    func aDroppedStatefulConnectionIsResumedInTime(seconds: Int64, isResumed: Bool) {
        var machine = Self.connected(canResume: true)
        #expect(machine.handle(.drop, now: Self.start) == [.closeTransport, .report(Self.waitingReason)])
        // Messages sent in the meantime are kept.
        #expect(machine.takesMessages)
        let actions = machine.handle(.reconnect, now: Self.start + .seconds(seconds))
        #expect(
            actions
                == (isResumed
                    ? [.closeTransport, .open(resuming: true, epoch: 3)]
                    : [.forget(Self.dropped), .negotiate(epoch: 3)]))
    }

    @Test func theOwnersResumingFallsBackToANewConnection() {
        var machine = Self.connected(canResume: true, .drop, .reconnect)
        #expect(
            machine.handle(.transportEnded(Self.forgotten, epoch: 3), now: Self.start)
                == [.closeTransport, .forget(Self.dropped), .negotiate(epoch: 4)])
        #expect(machine.phase == .negotiating(.byOwner))
    }

    /// A new connection, even where the old one could be resumed.
    @Test(
        arguments: [
            ([], [.sayGoodbye(connected: true)], 2), ([.drop], [], 3), ([.transportEnded(lost, epoch: 1)], [], 3),
            ([.drop, .reconnect], [], 4),
        ] as [([CoreConnectionMachine.Input], [CoreConnectionMachine.Action], Int)])
    func replacesAConnection(
        before: [CoreConnectionMachine.Input], first: [CoreConnectionMachine.Action], epoch: Int
    ) {
        var machine = Self.machine(Self.way + [.shakenHands(canResume: true, epoch: 1)] + before)
        let replaced = SignalRClientError.misuse("the owner replaces the connection")
        #expect(
            machine.handle(.replace, now: Self.start)
                == first + [.closeTransport, .forget(replaced), .negotiate(epoch: epoch)])
    }

    @Test(arguments: [Machine.Input.drop, .reconnect, .replace])
    func beforeItIsConnectedThereIsNothingToReplace(input: CoreConnectionMachine.Input) {
        var machine = Self.machine([.start])
        let actions = machine.handle(input, now: Self.start)
        #expect(actions.allSatisfy { if case .fail(.misuse) = $0 { true } else { false } })
        #expect(machine.phase == .negotiating(.first))
    }

    @Test func stoppingNotifiesAReachableNode() {
        var opening = Self.machine(Array(Self.way.prefix(2)))
        #expect(opening.handle(.stop, now: Self.start).first == .sayGoodbye(connected: false))
        var delaying = Self.connected(.transportEnded(Self.lost, epoch: 1))
        #expect(delaying.handle(.stop, now: Self.start).first == .closeTransport)
    }
}
