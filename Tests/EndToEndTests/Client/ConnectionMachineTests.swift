import NIOCore
import Testing

@testable import SignalRClient

struct ConnectionMachineTests {
    static let lost = SignalRClientError.transportLost(node: "n", reason: "gone")
    static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// A machine that has received these inputs.
    private static func machine(
        reconnects: Bool = true, _ inputs: ConnectionMachine.Input...
    ) -> ConnectionMachine {
        var machine = ConnectionMachine(reconnectsByItself: reconnects)
        for input in inputs { _ = machine.handle(input, now: now) }
        return machine
    }

    private static let negotiated = ConnectionMachine.Input.negotiated(disconnectTimeout: .seconds(30))

    private static func connected(reconnects: Bool = true) -> ConnectionMachine {
        machine(reconnects: reconnects, .start, negotiated, .initialized(epoch: 1), .startAnswered(epoch: 1))
    }

    /// Each state, with the inputs that lead to it.
    private static let states: [(name: String, machine: ConnectionMachine)] = {
        let connected: [ConnectionMachine.Input] = [
            .start, negotiated, .initialized(epoch: 1), .startAnswered(epoch: 1),
        ]
        let lost = connected + [.transportEnded(Self.lost, epoch: 1)]
        let inputs: [(String, [ConnectionMachine.Input])] = [
            ("idle", []), ("negotiating", [.start]), ("opening", [.start, negotiated]),
            ("starting", [.start, negotiated, .initialized(epoch: 1)]), ("connected", connected), ("retrying", lost),
            ("reopening", lost + [.retryDue]), ("dropped", connected + [.drop]),
            ("reopeningByOwner", connected + [.reconnect]),
            ("ended", connected + [.stop]),
        ]
        return inputs.map { name, inputs in
            var machine = ConnectionMachine(reconnectsByItself: true)
            for input in inputs { _ = machine.handle(input, now: now) }
            return (name, machine)
        }
    }()

    private static let end = "closeTransport abort report fail"

    /// An input, made for the current epoch, and the names of its actions: `others` in each state that is not listed.
    private static let transitions:
        [(name: String, input: @Sendable (Int) -> ConnectionMachine.Input, others: String, [String: String])] = [
            ("start", { _ in .start }, "fail", ["idle": "report negotiate"]),
            ("negotiated", { _ in negotiated }, "", ["negotiating": "open"]),
            (
                "transportOpened", { .transportOpened(epoch: $0) }, "",
                ["reopening": "report succeed", "reopeningByOwner": "report succeed"]
            ),
            ("initialized", { .initialized(epoch: $0) }, "", ["opening": "callStart"]),
            ("startAnswered", { .startAnswered(epoch: $0) }, "", ["starting": "report succeed"]),
            (
                "failed", { .failed(lost, epoch: $0) }, "",
                [
                    "negotiating": "closeTransport report fail", "opening": end, "starting": end,
                    "reopening": "closeTransport retryLater", "reopeningByOwner": "closeTransport report fail",
                ]
            ),
            (
                "transportEnded", { .transportEnded(lost, epoch: $0) }, "",
                [
                    "opening": end, "starting": end, "connected": "closeTransport report retryLater",
                    "reopening": "closeTransport retryLater", "reopeningByOwner": "closeTransport report fail",
                ]
            ),
            (
                "nodeAsksToReconnect", { .nodeAsksToReconnect(epoch: $0) }, "",
                ["connected": "report closeTransport open"]
            ),
            ("retryDue", { _ in .retryDue }, "", ["retrying": "open"]),
            (
                "drop", { _ in .drop }, "",
                [
                    "connected": "closeTransport report", "retrying": "closeTransport report",
                    "reopening": "closeTransport report", "reopeningByOwner": "closeTransport report fail",
                ]
            ),
            (
                "reconnect", { _ in .reconnect }, "fail",
                ["connected", "retrying", "dropped"].reduce(into: [:]) { $0[$1] = "closeTransport open" }
            ),
            (
                "stop", { _ in .stop }, end,
                ["idle": "closeTransport report fail", "negotiating": "closeTransport report fail", "ended": ""]
            ),
        ]

    @Test func everyInputInEveryState() {
        for (input, make, others, exceptions) in Self.transitions {
            for (state, machine) in Self.states {
                var machine = machine
                let actions = machine.handle(make(machine.epoch), now: Self.now)
                let names = actions.map { String("\($0)".prefix { $0 != "(" }) }.joined(separator: " ")
                #expect(names == exceptions[state] ?? others, "\(input) in \(state)")
            }
        }
    }

    @Test func connectsAndStops() {
        var machine = ConnectionMachine(reconnectsByItself: true)
        #expect(machine.handle(.start, now: Self.now) == [.report(.connecting), .negotiate])
        #expect(machine.handle(Self.negotiated, now: Self.now) == [.open(.connect, epoch: 1)])
        #expect(machine.handle(.transportOpened(epoch: 1), now: Self.now) == [])
        #expect(machine.handle(.initialized(epoch: 1), now: Self.now) == [.callStart(epoch: 1)])
        #expect(machine.handle(.initialized(epoch: 1), now: Self.now) == [])
        #expect(machine.handle(.startAnswered(epoch: 1), now: Self.now) == [.report(.connected), .succeed])
        #expect(machine.phase == .connected)
        #expect(
            machine.handle(.stop, now: Self.now) == [
                .closeTransport, .abort, .report(.disconnected(reason: "the client was stopped")), .fail(.stopped),
            ])
        #expect(machine.handle(.stop, now: Self.now) == [])
    }

    @Test(arguments: [
        machine(.start), machine(.start, negotiated), machine(.start, negotiated, .initialized(epoch: 1)),
    ])
    func aFailedStartIsTheEnd(machine: ConnectionMachine) {
        var machine = machine
        let actions = machine.handle(.failed(Self.lost, epoch: machine.epoch), now: Self.now)
        #expect(machine.phase == .ended)
        #expect(actions.last == .fail(Self.lost))
        #expect(machine.handle(.start, now: Self.now).count == 1)
    }

    @Test func reconnectsAutomatically() {
        var machine = Self.connected()
        let reason = "\(Self.lost)"
        #expect(
            machine.handle(.transportEnded(Self.lost, epoch: 1), now: Self.now)
                == [.closeTransport, .report(.reconnecting(reason: reason)), .retryLater(attempt: 0)])
        #expect(machine.handle(.retryDue, now: Self.now) == [.open(.reconnect(byOwner: false), epoch: 3)])
        #expect(
            machine.handle(.transportEnded(Self.lost, epoch: 3), now: Self.now + .seconds(1))
                == [.closeTransport, .retryLater(attempt: 1)])
        #expect(machine.handle(.retryDue, now: Self.now) == [.open(.reconnect(byOwner: false), epoch: 5)])
        #expect(machine.handle(.transportOpened(epoch: 5), now: Self.now) == [.report(.connected), .succeed])
    }

    @Test func endsWhenTheNodeHasDroppedTheConnection() {
        var machine = Self.connected()
        _ = machine.handle(.transportEnded(Self.lost, epoch: 1), now: Self.now)
        _ = machine.handle(.retryDue, now: Self.now)
        let actions = machine.handle(.transportEnded(Self.lost, epoch: 3), now: Self.now + .seconds(30))
        #expect(actions == [.closeTransport, .report(.disconnected(reason: "\(Self.lost)")), .fail(Self.lost)])
    }

    @Test func waitsForItsOwnerToReconnect() {
        var machine = Self.connected(reconnects: false)
        #expect(
            machine.handle(.transportEnded(Self.lost, epoch: 1), now: Self.now)
                == [.closeTransport, .report(.waiting(reason: "\(Self.lost)"))])
        #expect(
            machine.handle(.reconnect, now: Self.now) == [.closeTransport, .open(.reconnect(byOwner: true), epoch: 3)])
        #expect(
            machine.handle(.failed(Self.lost, epoch: 3), now: Self.now)
                == [.closeTransport, .report(.waiting(reason: "\(Self.lost)")), .fail(Self.lost)])
        #expect(machine.phase == .waiting)
    }

    @Test(arguments: [true, false])
    func aDroppedTransportStaysAway(reconnects: Bool) {
        var machine = Self.connected(reconnects: reconnects)
        #expect(
            machine.handle(.drop, now: Self.now)
                == [.closeTransport, .report(.waiting(reason: "dropped by the owner"))])
        #expect(machine.handle(.transportEnded(Self.lost, epoch: 1), now: Self.now) == [])
        #expect(machine.handle(.retryDue, now: Self.now) == [])
        #expect(machine.phase == .waiting)
    }

    @Test func anOpeningTransportCanBeDropped() {
        var machine = Self.connected()
        _ = machine.handle(.reconnect, now: Self.now)
        #expect(
            machine.handle(.drop, now: Self.now) == [
                .closeTransport, .report(.waiting(reason: "dropped by the owner")),
                .fail(.misuse("dropped by the owner")),
            ])
        var retrying = Self.connected()
        _ = retrying.handle(.transportEnded(Self.lost, epoch: 1), now: Self.now)
        _ = retrying.handle(.retryDue, now: Self.now)
        #expect(
            retrying.handle(.drop, now: Self.now)
                == [.closeTransport, .report(.waiting(reason: "dropped by the owner"))])
        // Before the first connection there is nothing to resume.
        var starting = Self.machine(.start, Self.negotiated)
        #expect(starting.handle(.drop, now: Self.now) == [])
    }

    @Test func followsTheNodesRequestToReconnect() {
        var machine = Self.connected()
        #expect(
            machine.handle(.nodeAsksToReconnect(epoch: 1), now: Self.now) == [
                .report(.reconnecting(reason: "the node asked for it")), .closeTransport,
                .open(.reconnect(byOwner: false), epoch: 2),
            ])
        var obstinate = Self.connected(reconnects: false)
        #expect(obstinate.handle(.nodeAsksToReconnect(epoch: 1), now: Self.now) == [])
    }

    @Test func ignoresEventsOfAnOldTransport() {
        var machine = Self.connected(reconnects: false)
        _ = machine.handle(.reconnect, now: Self.now)
        let late: [ConnectionMachine.Input] = [
            .transportOpened(epoch: 1), .initialized(epoch: 1), .startAnswered(epoch: 1), .failed(Self.lost, epoch: 1),
            .transportEnded(Self.lost, epoch: 1), .nodeAsksToReconnect(epoch: 1),
        ]
        for input in late { #expect(machine.handle(input, now: Self.now) == []) }
        #expect(machine.phase == .opening(.reconnect(byOwner: true)))
    }
}
