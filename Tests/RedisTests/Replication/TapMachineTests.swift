import Testing

@testable import Redis

/// Every state of ``TapMachine`` with every input, and the usual paths through them.
@Suite struct TapMachineTests {
    private static let history = "aaaa"
    private static let configuration = RedisConfiguration(host: "redis").watching()

    private static func bulk(_ text: String) -> RESPValue { .bulk(Array(text.utf8)) }

    /// - Parameter backlog: bytes in it up to offset 99; nil for none.
    private static func answers(backlog: Int? = 50, delay: Int = 5, filter: Bool = true) -> [RESPValue] {
        let kept = backlog.map {
            "repl_backlog_active:1\r\nrepl_backlog_size:50\r\nrepl_backlog_first_byte_offset:\(100 - $0)\r\nrepl_backlog_histlen:\($0)\r\n"
        }
        let info = "role:master\r\nused_memory:1000\r\nmaster_replid:\(history)\r\nmaster_repl_offset:99\r\n"
        return [
            .status("OK"), .integer(7), .array([bulk("master")]), bulk(info + (kept ?? "")),
            .array(["repl-diskless-sync", "yes", "repl-diskless-sync-delay", "\(delay)"].map(bulk)),
            .array(["min-replicas-to-write", "0"].map(bulk)), .error("ERR unknown command 'HELLO'"),
            .error("ERR This instance has cluster support disabled"), .status("OK"),
            filter ? .status("OK") : .error("ERR Unrecognized REPLCONF option"),
        ]
    }

    private static func machine(_ request: TapMachine.Request = TapMachine.Request()) -> TapMachine {
        TapMachine(
            handshake: TapHandshake(configuration: configuration, credentials: nil, endpoint: "redis:6379"),
            request: request, tls: TLSWatch(configuration, server: configuration.servers[0]), handshakeSeconds: 10)
    }

    private static func at(_ offset: Int64) -> ReplicationPosition {
        ReplicationPosition(history: history, offset: offset)
    }

    /// - Returns: the actions of the last answer.
    private func greet(_ machine: inout TapMachine, _ answers: [RESPValue] = Self.answers()) -> [TapMachine.Action] {
        var actions: [TapMachine.Action] = []
        for answer in answers {
            #expect(actions.isEmpty)
            actions = machine.handle(.reply(answer))
        }
        return actions
    }

    private func attachment(_ actions: [TapMachine.Action]) -> TapAttachment? {
        if case .attached(let attachment)? = actions.first { attachment } else { nil }
    }

    /// The states, each with the inputs that lead to it after the greeting.
    private static let states: [(name: String, greets: Bool, inputs: [TapMachine.Input])] = [
        ("greeting", false, []), ("requested", true, []), ("transferring", true, [.event(.fullSync(at(120)))]),
        ("attached", true, [.event(.continued(history: nil))]), ("leaving", true, [.leave(.stopped)]),
        ("ended", true, [.inactive]),
    ]

    /// An input, and the name of its action in each state, in the order of `states`; empty for none.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let input: TapMachine.Input
        let actions: [String]

        init(_ name: String, _ input: TapMachine.Input, _ actions: String...) {
            (testDescription, self.input, self.actions) = (name, input, actions)
        }
    }

    private static let rows = [
        Row("bytes", .heard, "", "", "", "", "", ""),
        Row("a reply", .reply(.status("OK")), "", "", "", "", "", ""),
        Row("PSYNC waits", .event(.waiting), "", "", "", "", "", ""),
        Row("PSYNC is refused", .event(.refused("NOMASTERLINK no")), "", "close", "close", "", "", ""),
        Row("the stream continues", .event(.continued(history: nil)), "", "attached", "", "", "", ""),
        Row("a full sync", .event(.fullSync(at(120))), "", "syncing", "", "", "", ""),
        Row("the data of a full sync has ended", .event(.transferred), "", "", "attached", "", "", ""),
        Row("an ack is wanted", .event(.acknowledgementWanted), "", "", "", "suspectStop", "", ""),
        Row("an error", .failed(.ioError("reset"), failure: nil), "close", "close", "close", "close", "close", ""),
        Row("the handshake takes too long", .handshakeOverdue, "close", "", "", "", "", ""),
        Row("a stop", .leave(.stopped), "close", "close", "close", "close", "close", ""),
        Row("the end of the connection", .inactive, "failed", "failed", "failed", "ended", "failed", ""),
    ]

    @Test(arguments: rows) func `every state with every input`(row: Row) {
        #expect(row.actions.count == Self.states.count)
        for (state, expected) in zip(Self.states, row.actions) {
            var machine = Self.machine(.init(limits: TapLimits(fullSyncBytes: 1_000)))
            if state.greets { _ = greet(&machine) }
            for input in state.inputs { _ = machine.handle(input) }
            let names = machine.handle(row.input).map { String("\($0)".prefix { $0 != "(" }) }
            #expect(names == (expected.isEmpty ? [] : [expected]), "\(state.name)")
        }
    }

    @Test func `joins at the end, and takes a new history from the reply`() {
        var machine = Self.machine()
        #expect(greet(&machine) == [.request(Self.at(99))])
        let before = machine.wasAttached
        #expect(!before)
        let attached = attachment(machine.handle(.event(.continued(history: "new"))))
        #expect(attached?.start == .joined)
        #expect(attached?.position == ReplicationPosition(history: "new", offset: 99))
        #expect(attached?.loss == nil)
        #expect(machine.handle(.event(.acknowledgementWanted)) == [.suspectStop])
        #expect(machine.handle(.leave(.serverStopping)) == [.close])
        let state = [machine.isReading, machine.wasAttached, machine.isAttached]
        #expect(state == [true, true, false])
        #expect(machine.handle(.failed(.ioError("x"), failure: nil)) == [.close])
        #expect(machine.handle(.inactive) == [.ended(.detached(.serverStopping))])
        #expect(machine.handle(.inactive).isEmpty)
    }

    @Test func `continues where it was`() {
        var machine = Self.machine(.init(resumeAt: Self.at(60), delivered: Self.at(60)))
        #expect(greet(&machine) == [.request(Self.at(60))])
        let attached = attachment(machine.handle(.event(.continued(history: nil))))
        #expect(attached?.start == .continued)
        #expect(attached?.position == Self.at(60))
        #expect(attached?.loss == nil)
        #expect(machine.handle(.inactive) == [.ended(.detached(.closedByServer))])
    }

    @Test func `what the backlog no longer has is reported`() {
        var machine = Self.machine(.init(resumeAt: Self.at(20), delivered: Self.at(20)))
        #expect(greet(&machine) == [.request(Self.at(99))])
        let attached = attachment(machine.handle(.event(.continued(history: nil))))
        #expect(attached?.start == .joined)
        #expect(attached?.loss == .backlogLost(bytes: 79))
    }

    @Test func `opens the backlog, and leaves before the fork`() {
        var machine = Self.machine()
        #expect(greet(&machine, Self.answers(backlog: nil)) == [.request(nil)])
        #expect(machine.handle(.event(.waiting)) == [.close])
        #expect(machine.handle(.event(.fullSync(Self.at(0)))).isEmpty)
        #expect(machine.handle(.inactive) == [.ended(.backlogOpened)])
    }

    @Test func `reads a full sync without keys`() {
        var machine = Self.machine(.init(delivered: Self.at(20)))
        #expect(greet(&machine, Self.answers(backlog: nil, delay: 0)) == [.request(nil)])
        #expect(machine.handle(.event(.waiting)).isEmpty)
        guard case .syncing(_, Self.at(30))? = machine.handle(.event(.fullSync(Self.at(30)))).first else {
            Issue.record("no sync")
            return
        }
        let attached = attachment(machine.handle(.event(.transferred)))
        #expect(attached?.start == .synced)
        #expect(attached?.loss == .backlogLost(bytes: 10))
    }

    /// And leaves one with all keys, to go on after it.
    @Test func `leaves a full sync with keys`() {
        var machine = Self.machine()
        _ = greet(&machine, Self.answers(backlog: nil, delay: 0, filter: false))
        let actions = machine.handle(.event(.fullSync(Self.at(30))))
        #expect(actions.count == 2)
        #expect(actions.last == .close)
        #expect(machine.handle(.inactive) == [.ended(.transferLeft)])

        var next = Self.machine(.init(resumeAt: Self.at(60), delivered: nil, followsFullSync: true))
        #expect(greet(&next) == [.request(Self.at(60))])
        #expect(attachment(next.handle(.event(.continued(history: nil))))?.start == .synced)
    }

    /// The backlog moved on between the question and PSYNC.
    @Test func `an unexpected full sync within the interval is abandoned`() {
        var machine = Self.machine(.init(resumeAt: Self.at(60), sinceFullSync: .seconds(540)))
        #expect(greet(&machine) == [.request(Self.at(60))])
        #expect(machine.handle(.event(.fullSync(Self.at(120)))) == [.close])
        #expect(
            machine.handle(.inactive) == [.failed(.tap(.tooSoon(endpoint: "redis:6379", secondsLeft: 60)))])
    }

    /// The server has already forked: there was no time to ask for consent. Disconnecting ends the fork, and the next
    /// connection continues after the sync's offset.
    @Test(arguments: [999, 1_000] as [Int64])
    func `an unexpected full sync without consent is left at once, and no second one follows`(limit: Int64) {
        let limits = TapLimits(fullSyncBytes: limit)
        var machine = Self.machine(.init(limits: limits))
        #expect(greet(&machine) == [.request(Self.at(99))])
        let actions = machine.handle(.event(.fullSync(Self.at(120))))
        guard case .syncing(_, Self.at(120))? = actions.first else {
            Issue.record("no sync but \(actions)")
            return
        }
        guard limit < 1_000 else {
            #expect(actions.count == 1, "with consent it is read")
            return
        }
        #expect(actions.dropFirst() == [.close])
        #expect(machine.handle(.inactive) == [.ended(.transferLeft)])

        var next = Self.machine(
            .init(resumeAt: Self.at(60), limits: limits, sinceFullSync: .zero, followsFullSync: true))
        #expect(greet(&next) == [.request(Self.at(60))])
        #expect(next.handle(.event(.fullSync(Self.at(140)))) == [.close])
        #expect(next.handle(.inactive) == [.failed(.tap(.tooSoon(endpoint: "redis:6379", secondsLeft: 600)))])
    }

    @Test func `refusals`() {
        var tooSoon = Self.machine(.init(sinceFullSync: .seconds(1)))
        #expect(greet(&tooSoon, Self.answers(backlog: nil, delay: 0)) == [.close])
        #expect(tooSoon.handle(.inactive) == [.failed(.tap(.tooSoon(endpoint: "redis:6379", secondsLeft: 599)))])
        var limited = Self.machine(.init(limits: TapLimits(fullSyncBytes: 999)))
        #expect(greet(&limited, Self.answers(backlog: nil, delay: 0)) == [.close])
        #expect(
            limited.handle(.inactive)
                == [.failed(.tap(.consentNeeded(endpoint: "redis:6379", bytes: 1_000, limit: 999)))])
        var unlinked = Self.machine()
        _ = greet(&unlinked)
        #expect(unlinked.handle(.event(.refused("NOMASTERLINK no"))) == [.close])
        #expect(
            unlinked.handle(.inactive)
                == [.failed(.redis(.serverError(command: "PSYNC", reply: "NOMASTERLINK no")))])
        var early = Self.machine()
        #expect(early.handle(.inactive) == [.failed(.redis(.connectionClosed(endpoint: "redis:6379")))])
        var silent = Self.machine()
        #expect(silent.handle(.handshakeOverdue) == [.close])
        #expect(silent.handle(.inactive) == [.failed(.redis(.noAnswer(endpoint: "redis:6379", seconds: 10)))])
        var cut = Self.machine()
        _ = greet(&cut, Self.answers(backlog: nil, delay: 0))
        _ = cut.handle(.event(.fullSync(Self.at(30))))
        #expect(cut.handle(.inactive) == [.failed(.redis(.connectionClosed(endpoint: "redis:6379")))])
    }
}
