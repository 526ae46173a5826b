import SignalRBackplane
import NIOCore
import Testing
@testable import HubNode

@Suite struct ProbeTemp {
    static func request(_ purpose: SessionRequest.Purpose, cursor: UInt64?) -> SessionRequest {
        SessionRequest(
            purpose: purpose, connectionID: "c1", user: "", hubs: ["chatHub"], transport: .longPolling, cursor: cursor,
            groups: [])
    }
    @Test func lostGroups() async throws {
        let broker = MessageBroker.unconnected()
        func envelope(_ id: UInt64, _ m: Message) -> BusEvent {
            .envelope(Envelope(id: id, body: ScaleoutMessage(messages: [m], createdTicks: 0)))
        }
        await broker.handle(envelope(1, .toHub("1")))
        let first = await broker.open(Self.request(.resume, cursor: 1), line: .pull(waiting: nil))
        await broker.handle(
            envelope(
                2, Message(Command(waitForAck: false, id: "x", type: .addToGroup, value: "hg-chatHub.room"), to: "c1")))
        if case .frame(let f) = await broker.nextDelivery(connectionID: "c1", outlet: first) {
            print("PROBE lost frame", String(buffer: f))
        }
        // The response is lost: the client polls again from where it was.
        let second = await broker.open(Self.request(.resume, cursor: 1), line: .pull(waiting: nil))
        await broker.handle(envelope(3, .toHub("3")))
        if case .frame(let f) = await broker.nextDelivery(connectionID: "c1", outlet: second) {
            print("PROBE second frame", String(buffer: f))
        }
    }
    @Test func crash() async throws {
        let broker = MessageBroker.unconnected()
        await broker.handle(.envelope(Envelope(id: 1, body: ScaleoutMessage(messages: [.toHub("1")], createdTicks: 0))))
        await #expect(processExitsWith: .success) {
            let broker = MessageBroker.unconnected()
            await broker.handle(
                .envelope(Envelope(id: 1, body: ScaleoutMessage(messages: [.toHub("1")], createdTicks: 0))))
            _ = await broker.open(ProbeTemp.request(.resume, cursor: .max), line: .pull(waiting: nil))
        }
    }
    @Test func twoGaps() async throws {
        await #expect(processExitsWith: .success) {
            let broker = MessageBroker.unconnected()
            for _ in 0..<2 { await broker.handle(.missed(from: 2, to: .max - 1)) }
        }
    }
}
