import Backplane
import NIOCore
import Testing

@testable import HubNode

/// Cursors of clients, and what the clients receive.
@Suite("MessageBroker")
struct MessageBrokerTests {
    @Test(
        "every cursor is accepted, and none crashes the node", arguments: [nil, 0, 1, 2, 3, UInt64.max - 1, UInt64.max])
    func anyCursor(cursor: UInt64?) async {
        let broker = MessageBroker.unconnected()
        await broker.hear(2, "2")
        let outlet = await broker.open(.resuming(cursor), line: .pull(waiting: nil))
        await broker.hear(3, "3")
        let delivery = await broker.nextDelivery(connectionID: "id", outlet: outlet)
        let expected =
            switch cursor {
            case 0, 1: #"{"C":"s-0,3","M":[2,3]}"#
            default: #"{"C":"s-0,3","M":[3]}"#
            }
        // A client with cursor 3 already has envelope 3, although the node did not have it then.
        #expect(delivery.frame == expected)
    }

    @Test("a lost groups token is sent again")
    func lostGroupsToken() async {
        let broker = MessageBroker.unconnected()
        await broker.hear(1, "1")
        var outlet = await broker.open(.resuming(1), line: .pull(waiting: nil))
        let join = Command(waitForAck: false, id: "join", type: .addToGroup, value: "hg-chatHub.room")
        await broker.handle(.envelope(envelope(2, Message(join, to: "id"))))
        let first = await broker.nextDelivery(connectionID: "id", outlet: outlet)
        #expect(first.frame?.contains(#""G":"#) == true)
        outlet = await broker.open(.resuming(1), line: .pull(waiting: nil))
        let second = await broker.nextDelivery(connectionID: "id", outlet: outlet)
        #expect(second.frame?.contains(#""G":"#) == true)
    }
}

private func envelope(_ id: UInt64, _ message: Message) -> Envelope {
    Envelope(id: id, body: ScaleoutMessage(messages: [message], createdTicks: 0))
}

extension MessageBroker {
    /// A broadcast of the chat hub.
    fileprivate func hear(_ id: UInt64, _ value: String) {
        handle(.envelope(envelope(id, Message(source: "other", key: "h-chatHub", value: Array(value.utf8)))))
    }
}

extension SessionRequest {
    fileprivate static func resuming(_ cursor: UInt64?) -> SessionRequest {
        SessionRequest(
            purpose: .resume, connectionID: "id", user: "", hubs: ["chatHub"], transport: .longPolling, cursor: cursor,
            groups: [])
    }
}

extension Outlet.Delivery {
    fileprivate var frame: String? {
        if case .frame(let frame) = self { String(buffer: frame.content) } else { nil }
    }
}
