import NIOCore
import Testing

@testable import HubNode

@Suite("Session")
struct SessionTests {
    private func request(
        _ purpose: SessionRequest.Purpose = .connect, user: String = "", hubs: [String] = ["chatHub"]
    ) -> SessionRequest {
        SessionRequest(
            purpose: purpose, connectionID: "C1", user: user, hubs: hubs, transport: .longPolling, cursor: nil,
            groups: [])
    }

    private func session(_ request: SessionRequest) -> Session {
        Session(request: request, cursor: 0, now: .uptimeNanoseconds(0))
    }

    @Test("subscribes to its connection, and to hub, client and user of each hub")
    func signals() {
        #expect(request(hubs: []).signals == ["c-C1"])
        #expect(request().signals == ["c-C1", "h-chatHub", "hc-chatHub.C1"])
        #expect(
            request(user: "Alice", hubs: ["chatHub", "Orders"]).signals == [
                "c-C1", "h-chatHub", "hc-chatHub.C1", "hu-chatHub.Alice", "h-Orders", "hc-Orders.C1", "hu-Orders.Alice",
            ])
    }

    @Test("receives a group's messages from the envelope with the command on")
    func membership() {
        let session = session(request())
        #expect(session.deliveries(of: "hg-chathub.room", id: 6) == 0)
        #expect(session.join(GroupKey(named: "chatHub.Room"), since: 5))
        #expect(session.deliveries(of: "hg-chathub.room", id: 4) == 0)
        #expect(session.deliveries(of: "hg-chathub.room", id: 5) == 0)
        #expect(session.deliveries(of: "hg-chathub.room", id: 6) == 1)
        #expect(session.deliveries(of: "h-CHATHUB", id: 1) == 1)
        #expect(session.deliveries(of: "h-orders", id: 1) == 0)
    }

    @Test("names that differ in case are two groups, and a message for either arrives twice")
    func twoGroupsUnderOneKey() {
        let session = session(request())
        #expect(session.join(GroupKey(named: "chatHub.room"), since: 1))
        #expect(!session.join(GroupKey(named: "chatHub.room"), since: 2))
        #expect(!session.hasGroupsUnderOneKey)
        #expect(session.join(GroupKey(named: "chatHub.ROOM"), since: 3))
        #expect(session.hasGroupsUnderOneKey)
        #expect(session.deliveries(of: "hg-chatHub.Room", id: 3) == 1)
        #expect(session.deliveries(of: "hg-chatHub.Room", id: 4) == 2)
        #expect(session.deliveries(of: "hg-chatHub.Room") == 2)
        #expect(session.deliveries(of: "h-chatHub") == 1)
        #expect(session.groupNames == ["chatHub.ROOM", "chatHub.room"])
        #expect(session.leave(GroupKey(named: "chatHub.Room")) == (false, true))
        #expect(session.leave(GroupKey(named: "chatHub.room")) == (true, true))
        #expect(!session.hasGroupsUnderOneKey)
        #expect(session.deliveries(of: "hg-chatHub.room", id: 4) == 1)
        #expect(session.leave(GroupKey(named: "chatHub.ROOM")) == (true, false))
        #expect(session.deliveries(of: "hg-chatHub.room", id: 4) == 0)
    }

    @Test("names with different bytes are different, even if they look alike")
    func otherBytes() {
        let session = session(request(user: "zo\u{E9}"))
        #expect(session.join(GroupKey(named: "chatHub.x-q\u{212A}"), since: 0))
        #expect(session.deliveries(of: "hu-chatHub.zo\u{E9}", id: 1) == 1)
        #expect(session.deliveries(of: "hu-chatHub.ZO\u{C9}", id: 1) == 1)
        #expect(session.deliveries(of: "hu-chatHub.zoe\u{301}", id: 1) == 0)
        #expect(session.deliveries(of: "hg-chatHub.x-qK", id: 1) == 0)
        #expect(session.deliveries(of: "hg-chatHub.x-q\u{212A}", id: 1) == 1)
    }

    private static let exclusions: [(keys: [String], isExcluded: Bool)] = [
        ([], false), (["c-C1"], true), (["c-C2", "c-C1"], true), (["c-C2"], false), (["hg-chatHub.room"], true),
        (["hg-chathub.other"], false), (["hc-chatHub.C1"], true),
        // By bytes, like a real node, but a bare connection id in any case.
        (["c-c1"], false), (["hg-chatHub.ROOM"], false), (["c1"], true), (["C1"], true), (["C2"], false),
    ]

    @Test("is excluded by any of its subscriptions", arguments: exclusions)
    func excluded(keys: [String], isExcluded: Bool) {
        let session = session(request())
        #expect(session.join(GroupKey(named: "chatHub.room"), since: 0))
        #expect(session.isExcluded(by: keys.map { SignalKey($0) }) == isExcluded)
    }

    @Test("lists its groups with their original names, in a fixed order")
    func groupNames() {
        let session = session(request())
        for name in ["chatHub.c", "chatHub.A", "chatHub.b"] {
            #expect(session.join(GroupKey(named: name), since: 0))
        }
        #expect(session.groupNames == ["chatHub.A", "chatHub.b", "chatHub.c"])
    }

    @Test("a new connection waits for its Initializing command; a resumed one does not")
    func initialized() {
        #expect(!session(request(.connect)).isInitialized)
        #expect(session(request(.resume)).isInitialized)
    }
}

/// Actions that become due: a keep-alive, the response to an empty poll, the end.
@Suite("Session timing")
struct SessionTimeTests {
    enum Transport: Sendable {
        case none
        /// A stream or a poll that requests more.
        case waiting(TransportKind)
        case busy(TransportKind)
    }

    private static func at(_ second: UInt64) -> NIODeadline { .uptimeNanoseconds(second * 1_000_000_000) }

    static let rows: [(transport: Transport, opened: UInt64, active: UInt64, now: UInt64, due: Session.Due?)] = [
        (.none, 0, 0, 29, nil), (.none, 0, 0, 30, .removal), (.none, 0, 20, 49, nil), (.none, 0, 20, 50, .removal),
        (.waiting(.serverSentEvents), 0, 0, 9, nil), (.waiting(.serverSentEvents), 0, 0, 10, .keepAlive),
        (.waiting(.serverSentEvents), 0, 5, 14, nil), (.waiting(.serverSentEvents), 0, 5, 300, .keepAlive),
        // A client that does not read receives nothing more.
        (.busy(.serverSentEvents), 0, 0, 300, nil), (.busy(.longPolling), 0, 0, 300, nil),
        (.waiting(.longPolling), 0, 105, 109, nil), (.waiting(.longPolling), 0, 105, 110, .emptyPoll),
        (.waiting(.longPolling), 0, 0, 10, .keepAlive), (.waiting(.foreverFrame), 0, 100, 110, .keepAlive),
    ]

    @Test("actions that are due", arguments: rows.indices)
    func due(index: Int) async {
        let row = Self.rows[index]
        let session = Session(
            request: SessionRequest(
                purpose: .resume, connectionID: "a", user: "", hubs: [], transport: .longPolling, cursor: nil,
                groups: []),
            cursor: 0, now: Self.at(row.active))
        switch row.transport {
        case .none: #expect(session.due(at: Self.at(row.now), HubNodeTiming()) == row.due)
        case .busy(let kind):
            session.outlet = Outlet(
                number: 1, transport: kind, openedAt: Self.at(row.opened), line: .pull(waiting: nil))
            #expect(session.due(at: Self.at(row.now), HubNodeTiming()) == row.due)
        case .waiting(let kind):
            _ = await withCheckedContinuation { continuation in
                session.outlet = Outlet(
                    number: 1, transport: kind, openedAt: Self.at(row.opened), line: .pull(waiting: continuation))
                #expect(session.due(at: Self.at(row.now), HubNodeTiming()) == row.due)
                continuation.resume(returning: .end)
            }
        }
    }

    @Test("a client is asked once to reconnect")
    func askedOnce() {
        let session = Session(
            request: SessionRequest(
                purpose: .resume, connectionID: "a", user: "", hubs: [], transport: .longPolling, cursor: nil,
                groups: []),
            cursor: 0, now: Self.at(0))
        session.askToReconnect()
        #expect(session.outbox.reconnect)
        _ = session.outbox.nextFrame(messages: 1) { "" }
        session.askToReconnect()
        #expect(!session.outbox.reconnect)
    }

    @Test("messages pending at a reconnect do not count as slowness")
    func limits() {
        var limits = HubNodeLimits()
        limits.outboundMessages = 2
        limits.outboundBytes = 10
        let session = Session(
            request: SessionRequest(
                purpose: .resume, connectionID: "a", user: "", hubs: [], transport: .longPolling, cursor: nil,
                groups: []),
            cursor: 0, now: Self.at(0))
        for id in 1...3 as ClosedRange<UInt64> { session.outbox.append(id: id, value: ByteBuffer(string: "x")) }
        #expect(session.isBeyond(limits))
        session.resumedMessages = 3
        #expect(!session.isBeyond(limits))
        session.outbox.append(id: 4, value: ByteBuffer(string: "0123456789"))
        #expect(session.isBeyond(limits))
        session.resumedBytes = 3
        #expect(!session.isBeyond(limits))
    }
}
