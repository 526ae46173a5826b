import NIOConcurrencyHelpers
import Prometheus
import Redis
import TestSupport
import Testing

@testable import Relay

/// The intake receives each envelope once, whichever of the two delivers it.
@Suite struct TapSeamTests {
    /// A seam with both sides, and what came out of it.
    private final class Scene {
        static let position = ReplicationPosition(history: "h", offset: 100)

        let intake: Intake
        let seam: TapSeam
        let subscription: any EnvelopeSink
        private(set) var link: any EnvelopeSink & TapObserver
        private let events: NIOLockedValueBox<[TapSeam.Event]>

        init() {
            let registry = Registry()
            intake = Intake(limit: 64 << 20, metrics: IntakeMetrics(registry))
            let events = NIOLockedValueBox<[TapSeam.Event]>([])
            self.events = events
            seam = TapSeam(intake: intake, metrics: TapMetrics(registry)) { event in
                events.withLockedValue { $0.append(event) }
            }
            subscription = seam.subscriptionSink
            link = seam.join()
            subscription.subscribed(Subscription(server: nil, endpoint: "r"))
        }

        func takeEvents() -> [TapSeam.Event] {
            events.withLockedValue { events in
                defer { events = [] }
                return events
            }
        }

        func attach(_ start: TapAttachment.Start = .joined, loss: TapAttachment.Loss? = nil) {
            link.attached(
                TapAttachment(start: start, position: Self.position, loss: loss, facts: TapFacts(endpoint: "r")))
            link.subscribed(Subscription(server: nil, endpoint: "r"))
        }

        func joinAgain() { link = seam.join() }

        func deliver(_ payloads: some Sequence<UInt8>, by sink: any EnvelopeSink) {
            let batch = sink.nextBatch()
            for payload in payloads { [payload].withUnsafeBytes { batch.append(channel: 0, payload: $0) } }
            if batch.count > 0 { sink.deliver(batch) }
        }

        /// Payloads as numbers; other items by name.
        func received() -> [String] {
            intake.take(waitingAtMost: 0).items.flatMap { item -> [String] in
                switch item {
                case .batch(let batch):
                    var payloads: [String] = []
                    batch.forEach { payloads.append("\($2[0])") }
                    return payloads
                case .subscribed(let subscription):
                    return [subscription.streamPosition.map { "replication \($0)" } ?? "subscribed"]
                case .disconnected(let cause): return ["\(cause.label)"]
                case .command(.tap(let news)): return ["\(news)"]
                default: return ["\(item)"]
                }
            }
        }
    }

    @Test("different payloads: what the subscription has delivered is left out, the rest follows")
    func takeover() {
        let scene = Scene()
        scene.deliver([1, 2, 3], by: scene.subscription)
        scene.attach()
        #expect(scene.takeEvents() == [.subscribed, .attached])
        scene.deliver([2], by: scene.link)
        scene.seam.bound(subscription: nil, link: 0)
        // The link may have begun after everything that was received.
        #expect(!scene.seam.isLinked)
        scene.deliver([4, 5], by: scene.subscription)
        #expect(scene.seam.isLinked && scene.takeEvents() == [.takenOver])
        // What is still under way on either side.
        scene.deliver([6, 7], by: scene.subscription)
        scene.deliver([3, 4, 5, 6], by: scene.link)
        scene.deliver([7, 8], by: scene.link)
        scene.subscription.disconnected(.stopped)
        #expect(
            scene.received() == [
                "subscribed", "1", "2", "3", "4", "5", "replication h:100", "6", "7", "8",
            ])
    }

    @Test("nothing is published: it takes over as soon as the server was asked")
    func quiet() {
        let scene = Scene()
        scene.attach()
        scene.seam.bound(subscription: nil, link: 0)
        #expect(scene.seam.isLinked)
        scene.deliver([1], by: scene.link)
        #expect(scene.received() == ["subscribed", "replication h:100", "1"])
    }

    @Test("equal payloads: the subscription delivers them until the server's answers leave one place")
    func equal() {
        let scene = Scene()
        scene.deliver([1, 1, 1], by: scene.subscription)
        scene.attach()
        scene.deliver([1, 1], by: scene.link)
        scene.seam.bound(subscription: nil, link: 0)
        #expect(!scene.seam.isLinked)
        scene.deliver([1], by: scene.subscription)
        // The server: 4 were published when the link had read 2.
        scene.seam.bound(subscription: 4, link: 2)
        #expect(scene.seam.isLinked)
        scene.deliver([1], by: scene.link)
        #expect(scene.received() == ["subscribed", "1", "1", "1", "1", "replication h:100", "1"])
    }

    @Test("equal payloads without an answer: recorded twice rather than lost")
    func ambiguous() {
        let scene = Scene()
        scene.deliver([1, 1], by: scene.subscription)
        scene.attach()
        scene.deliver([1, 1, 1], by: scene.link)
        scene.seam.bound(subscription: nil, link: 0)
        #expect(scene.seam.takeOverAnyway())
        #expect(scene.received().count { $0 == "1" } == 5)
        #expect(!scene.seam.takeOverAnyway())
    }

    @Test("a link that is attached again says whether something is missing")
    func again() {
        let scene = Scene()
        scene.attach()
        scene.seam.bound(subscription: nil, link: 0)
        scene.link.disconnected(.closedByServer)
        scene.attach(.continued)
        scene.deliver([1], by: scene.link)
        scene.link.disconnected(.closedByServer)
        scene.attach(.joined, loss: .backlogLost(bytes: 7))
        scene.deliver([2], by: scene.link)
        #expect(
            scene.received() == [
                "subscribed", "replication h:100", "closed_by_server", "resumed(h:100)", "1", "closed_by_server",
                "lost(bytes: Optional(7))", "replication h:100", "2",
            ])
    }

    @Test("a link that is given up: the subscription says what is missing, and a late message of the link is ignored")
    func givenUp() {
        let scene = Scene()
        scene.attach()
        scene.seam.bound(subscription: nil, link: 0)
        scene.link.disconnected(.closedByServer)
        scene.seam.giveUp(at: Scene.position)
        let info = RedisServerInfo(infoText: "run_id:x\r\nmaster_replid:h\r\nmaster_repl_offset:160\r\n")
        scene.subscription.subscribed(Subscription(server: info, endpoint: "r"))
        scene.deliver([1], by: scene.subscription)
        scene.link.disconnected(.stopped)
        scene.deliver([9], by: scene.link)
        #expect(
            scene.received() == [
                "subscribed", "replication h:100", "closed_by_server", "lost(bytes: Optional(60))", "subscribed", "1",
            ])
        scene.joinAgain()
        scene.attach()
        scene.seam.bound(subscription: nil, link: 0)
        #expect(scene.seam.isLinked)
    }

    @Test("a link that lost part of the stream while it attached must be repeated; the subscription goes on")
    func unusable() {
        let scene = Scene()
        scene.attach()
        scene.attach(.joined, loss: .backlogLost(bytes: 7))
        #expect(scene.takeEvents() == [.subscribed, .attached, .unusable])
        scene.seam.withdraw()
        scene.deliver([1], by: scene.subscription)
        #expect(scene.received() == ["subscribed", "1"])
    }

    @Test("while the names change, a link with the old ones does not take over")
    func names() {
        let scene = Scene()
        scene.attach()
        scene.seam.hold()
        scene.seam.bound(subscription: nil, link: 0)
        #expect(!scene.seam.isLinked)
        scene.seam.withdraw()
        scene.joinAgain()
        scene.attach()
        scene.seam.bound(subscription: nil, link: 0)
        scene.seam.hold()
        scene.deliver([1], by: scene.link)
        #expect(scene.seam.isLinked && scene.received().last == "1")
    }

    @Test("random traffic of few payloads, in any order of arrival: each once, in order")
    func random() {
        var random = SplitMix64.announced()
        for _ in 0..<300 {
            let scene = Scene()
            let kinds = UInt8.random(in: 1...4, using: &random)
            let stream = (0..<Int.random(in: 0...80, using: &random)).map { _ in
                UInt8.random(in: 1...kinds, using: &random)
            }
            let start = Int.random(in: 0...stream.count, using: &random)
            var (heard, read, isAttached) = (0, start, false)
            while heard < stream.count || read < stream.count || !scene.seam.isLinked {
                let count = Int.random(in: 1...5, using: &random)
                switch UInt8.random(in: 0..<4, using: &random) {
                case 0, 1:
                    scene.deliver(stream[heard...].prefix(count), by: scene.subscription)
                    heard = min(stream.count, heard + count)
                case 2 where isAttached:
                    scene.deliver(stream[read...].prefix(count), by: scene.link)
                    read = min(stream.count, read + count)
                case 3 where !isAttached && heard >= start:
                    scene.attach()
                    isAttached = true
                    scene.seam.bound(subscription: nil, link: 0)
                case 3 where isAttached && heard >= read:
                    // As the server would answer.
                    scene.seam.bound(subscription: read, link: read - start)
                default: break
                }
            }
            #expect(
                scene.received().compactMap { UInt8($0) } == stream, "start \(start) of \(stream)")
        }
    }
}
