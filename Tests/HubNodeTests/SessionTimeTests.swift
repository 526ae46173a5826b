import NIOCore
import Testing

@testable import HubNode

/// What time brings to a client: a sign of life, the answer to an empty poll, its end.
@Suite("Session, by time")
struct SessionTimeTests {
    enum Transport: Sendable {
        case none
        /// A stream or a poll that asks for more.
        case waiting(TransportKind)
        case busy(TransportKind)
    }

    private static func at(_ second: UInt64) -> NIODeadline { .uptimeNanoseconds(second * 1_000_000_000) }

    static let rows: [(transport: Transport, opened: UInt64, active: UInt64, now: UInt64, due: Session.Due?)] = [
        (.none, 0, 0, 29, nil), (.none, 0, 0, 30, .removal), (.none, 0, 20, 49, nil), (.none, 0, 20, 50, .removal),
        (.waiting(.serverSentEvents), 0, 0, 9, nil), (.waiting(.serverSentEvents), 0, 0, 10, .keepAlive),
        (.waiting(.serverSentEvents), 0, 5, 14, nil), (.waiting(.serverSentEvents), 0, 5, 300, .keepAlive),
        // A client that does not read gets nothing more.
        (.busy(.serverSentEvents), 0, 0, 300, nil), (.busy(.longPolling), 0, 0, 300, nil),
        (.waiting(.longPolling), 0, 105, 109, nil), (.waiting(.longPolling), 0, 105, 110, .emptyPoll),
        (.waiting(.longPolling), 0, 0, 10, .keepAlive), (.waiting(.foreverFrame), 0, 100, 110, .keepAlive),
    ]

    @Test("what is due", arguments: rows.indices)
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

    @Test("what waited when a client came back is not its slowness")
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
