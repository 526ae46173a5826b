import NIOCore
import Testing

@testable import HubNode

@Suite("Stateful reconnect")
struct StatefulReconnectTests {
    /// A class, because `#expect` cannot call mutating methods.
    private final class Connection {
        private var value: StatefulReconnect

        init(limit: Int) { value = StatefulReconnect(limit: limit) }

        var isFull: Bool { value.isFull }
        var hasRoom: Bool { value.hasRoom }
        var pending: [Int] { [value.pending.messages, value.pending.bytes] }
        func send(_ text: String) -> Bool { value.send(ByteBuffer(string: text)) }
        func acknowledge(_ number: Int64) -> [String] { value.acknowledge(number).map { String(buffer: $0) } }
        func takes(_ message: CoreClientMessage) throws -> Bool { try value.takes(message) }
        func dueAck() -> Int64? { value.dueAck() }

        func resume() -> [String] {
            let (sequence, messages) = value.resume()
            return ["\(sequence)"] + messages.map { String(buffer: $0) }
        }
    }

    private static let call = CoreClientMessage.invocation(
        CoreClientMessage.Invocation(id: "1", target: "t", arguments: [], streamIDs: [], isStream: false, size: 1))

    // MARK: - To the client

    @Test("unacknowledged messages are sent again, with the number of the first")
    func sentAgain() {
        let stateful = Connection(limit: 100)
        for text in ["a", "b", "c"] { #expect(stateful.send(text)) }
        #expect(stateful.acknowledge(1).isEmpty)
        #expect(stateful.resume() == ["2", "b", "c"])
    }

    @Test("without anything to send again, the number is that of the next message")
    func nothingSentAgain() {
        let stateful = Connection(limit: 100)
        #expect(stateful.resume() == ["1"])
        #expect(stateful.send("a"))
        #expect(stateful.acknowledge(1).isEmpty)
        #expect(stateful.resume() == ["2"])
    }

    @Test("beyond the limit messages wait for acks, in order")
    func waiting() {
        let stateful = Connection(limit: 4)
        #expect(stateful.send("12345"))
        #expect(!stateful.send("b"))
        #expect(!stateful.send("c"))
        #expect(stateful.isFull)
        #expect(stateful.pending == [3, 7])
        #expect(stateful.resume() == ["1", "12345"])
        #expect(stateful.acknowledge(1) == ["b", "c"])
        #expect(!stateful.isFull)
        #expect(stateful.pending == [2, 2])
    }

    @Test("a later message does not overtake a waiting one")
    func order() {
        let stateful = Connection(limit: 4)
        #expect(stateful.send("12345"))
        #expect(!stateful.send("b"))
        #expect(!stateful.hasRoom)
        #expect(stateful.acknowledge(0).isEmpty)
        #expect(!stateful.send("c"))
        #expect(stateful.acknowledge(1) == ["b", "c"])
    }

    @Test("an ack beyond the last message acknowledges all messages")
    func ackBeyond() {
        let stateful = Connection(limit: 100)
        #expect(stateful.send("a"))
        #expect(stateful.acknowledge(.max).isEmpty)
        #expect(stateful.acknowledge(-1).isEmpty)
        #expect(stateful.send("b"))
        #expect(stateful.resume() == ["2", "b"])
    }

    @Test("the limit is a real node's")
    func limit() { #expect(CoreHubSettings().statefulBufferBytes == 100_000) }

    // MARK: - From the client

    @Test("messages of types 1 to 5 are counted, others are not")
    func counted() throws {
        let stateful = Connection(limit: 100)
        let counted: [CoreClientMessage] = [
            Self.call, .streamItem(id: "s", HubArgument(json: Array("1".utf8))), .completion(id: "s", .void),
            .cancelInvocation(id: "1"),
        ]
        for message in counted { #expect(try stateful.takes(message)) }
        for message in [.ping, .close(error: nil), .ack(1), .unknown(type: 77)] as [CoreClientMessage] {
            #expect(try stateful.takes(message))
        }
        #expect(stateful.dueAck() == 4)
        #expect(stateful.dueAck() == nil)
    }

    @Test("on a new webSocket messages before the sequence message, and repeated ones, are ignored")
    func comesAgain() throws {
        let stateful = Connection(limit: 100)
        #expect(try stateful.takes(Self.call))
        #expect(try stateful.takes(Self.call))
        #expect(stateful.dueAck() == 2)
        _ = stateful.resume()
        #expect(try !stateful.takes(Self.call))
        #expect(try !stateful.takes(.ping))
        #expect(try stateful.takes(.sequence(2)))
        #expect(try !stateful.takes(Self.call))
        // The client has not received the ack: it is sent again.
        #expect(stateful.dueAck() == 2)
        #expect(try stateful.takes(Self.call))
        #expect(stateful.dueAck() == 3)
    }

    @Test("a client that skips messages is disconnected, like on a real node")
    func leftOut() throws {
        let stateful = Connection(limit: 100)
        #expect(try stateful.takes(Self.call))
        _ = stateful.resume()
        #expect(throws: CoreClientMessage.Malformed.sequence) { try stateful.takes(.sequence(3)) }
        #expect(try stateful.takes(.sequence(2)))
    }
}
