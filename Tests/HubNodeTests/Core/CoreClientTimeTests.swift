import Backplane
import NIOCore
import Testing

@testable import HubNode

/// A real node's timeouts and intervals, to the second, with a simulated clock.
@Suite("Timing of an ASP.NET Core connection")
struct CoreClientTimeTests {
    private static func at(_ seconds: Int64) -> NIODeadline {
        .uptimeNanoseconds(1_000_000_000_000) + .seconds(seconds)
    }

    /// A client whose transport started at 0 and was last written to at `written`.
    private struct Row: Sendable, CustomTestStringConvertible {
        var transport: TransportKind? = .webSockets
        /// Whether the transport currently accepts data.
        var isReady = true
        /// Whether there was one before, if there is none now.
        var hadTransport = true
        var phase = CoreClient.Phase.connected
        var hasPinged = false
        var written: Int64 = 0
        var heard: Int64 = 0
        var over: Int64?
        let now: Int64
        let due: CoreClient.Due?

        var testDescription: String { "\(self)" }
    }

    private static let rows: [Row] = [
        // Negotiated only: 15 s.
        Row(transport: nil, hadTransport: false, phase: .new, now: 14, due: nil),
        Row(transport: nil, hadTransport: false, phase: .new, now: 15, due: .removal),
        // The handshake: 15 s from the transport.
        Row(phase: .new, now: 14, due: nil), Row(phase: .new, now: 15, due: .handshakeFailure),
        Row(isReady: false, phase: .new, now: 15, due: .handshakeFailure),
        // A ping 15 s after the last write, not to a client that does not read.
        Row(written: 5, now: 19, due: nil), Row(written: 5, now: 20, due: .ping),
        Row(transport: .serverSentEvents, written: 5, now: 20, due: .ping),
        Row(isReady: false, written: 5, now: 20, due: nil), Row(phase: .connecting, written: 0, now: 20, due: nil),
        // A client that has sent a ping and is silent for 30 s; one that never sends a ping is never considered gone.
        Row(hasPinged: true, written: 29, heard: 0, now: 29, due: nil),
        Row(hasPinged: true, written: 29, heard: 0, now: 30, due: .timeout),
        Row(isReady: false, hasPinged: true, written: 29, heard: 0, now: 30, due: .timeout),
        Row(hasPinged: false, written: 299, heard: 0, now: 300, due: nil),
        // A poll is answered after 90 s; 15 s are allowed between polls, or between webSockets with stateful reconnect.
        Row(transport: .longPolling, written: 89, now: 89, due: nil),
        Row(transport: .longPolling, written: 89, now: 90, due: .emptyPoll),
        Row(transport: nil, written: 10, now: 24, due: nil), Row(transport: nil, written: 10, now: 25, due: .removal),
        // 5 s for the last message and the client's close.
        Row(phase: .over, over: 10, now: 14, due: nil), Row(phase: .over, over: 10, now: 15, due: .removal),
    ]

    @Test("actions that are due", arguments: rows)
    private func due(row: Row) async {
        let client = CoreClient(
            session: Session(
                connectionID: "id", user: "", transport: row.transport ?? .longPolling,
                codec: CoreCodec(messages: .json), now: Self.at(row.written)),
            token: "token", limit: 100, now: Self.at(0))
        client.phase = row.phase
        client.hasPinged = row.hasPinged
        client.lastReceived = Self.at(row.heard)
        client.overSince = row.over.map { Self.at($0) }
        if row.hadTransport { client.transportSince = Self.at(0) }
        guard let transport = row.transport else {
            return #expect(client.due(at: Self.at(row.now), CoreHubTiming()) == row.due)
        }
        _ = await withCheckedContinuation { (continuation: CheckedContinuation<Outlet.Delivery, Never>) in
            client.session.outlet = Outlet(
                number: 1, transport: transport, openedAt: Self.at(0),
                line: .pull(waiting: row.isReady ? continuation : nil))
            #expect(client.due(at: Self.at(row.now), CoreHubTiming()) == row.due)
            continuation.resume(returning: .end)
        }
    }

    @Test("a group command waits 30 s for its ack")
    func ack() async {
        #expect(HubNodeTiming().acknowledgement == .seconds(30))
        var pending = PendingAcknowledgements()
        let isDone = await withCheckedContinuation { continuation in
            pending.add("1", until: Self.at(30), continuation)
            pending.expire(at: Self.at(29))
            // Too late for this one, and there is no other.
            pending.resolve("2", acknowledged: true)
            pending.expire(at: Self.at(30))
            pending.resolve("1", acknowledged: true)
        }
        #expect(!isDone)
    }
}

@Suite("Closings after a gap")
struct GapClosingsTests {
    private static func at(_ milliseconds: Int64) -> NIODeadline {
        .uptimeNanoseconds(1_000_000_000_000) + .milliseconds(milliseconds)
    }

    /// A class, because `#expect` cannot call mutating methods.
    private final class Closings {
        private var value = GapClosings()

        var count: Int { value.count }
        func take(at now: NIODeadline) -> [String] { value.take(at: now) }
        func add(_ tokens: [String], at now: NIODeadline, over span: TimeAmount) {
            value.add(tokens, at: now, over: span)
        }
    }

    @Test("are spread evenly over 30 s, the last one at their end")
    func spread() {
        #expect(CoreHubTiming().gapSpread == .seconds(30))
        #expect(!CoreHubSettings().reconnectsAfterGap)
        let closings = Closings()
        closings.add((0..<300).map { "\($0)" }, at: Self.at(0), over: .seconds(30))
        var taken: [String] = []
        for second in 1...30 as ClosedRange<Int64> {
            let now = closings.take(at: Self.at(second * 1_000))
            #expect(now.count == 10)
            taken += now
        }
        #expect(taken == (0..<300).map { "\($0)" })
        #expect(closings.count == 0)
    }

    @Test("a second gap adds new clients, and delays none")
    func again() {
        let closings = Closings()
        closings.add(["a", "b"], at: Self.at(0), over: .seconds(30))
        #expect(closings.take(at: Self.at(15_000)) == ["a"])
        closings.add(["b", "c"], at: Self.at(20_000), over: .seconds(30))
        #expect(closings.count == 2)
        #expect(closings.take(at: Self.at(30_000)) == ["b"])
        #expect(closings.take(at: Self.at(49_999)) == [])
        #expect(closings.take(at: Self.at(50_000)) == ["c"])
    }

    @Test("without clients nothing is due")
    func none() {
        let closings = Closings()
        closings.add([], at: Self.at(0), over: .seconds(30))
        #expect(closings.take(at: Self.at(60_000)) == [])
    }
}
