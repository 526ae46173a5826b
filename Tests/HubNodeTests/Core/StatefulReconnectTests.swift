import NIOCore
import Testing

@testable import HubNode

@Suite("Stateful reconnect")
struct StatefulReconnectTests {
    /// A class, for `#expect` calls no mutating method.
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

    @Test("what is not acknowledged is sent again, with the number of the first")
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

    @Test("a waiting message is not passed by a later one")
    func order() {
        let stateful = Connection(limit: 4)
        #expect(stateful.send("12345"))
        #expect(!stateful.send("b"))
        #expect(!stateful.hasRoom)
        #expect(stateful.acknowledge(0).isEmpty)
        #expect(!stateful.send("c"))
        #expect(stateful.acknowledge(1) == ["b", "c"])
    }

    @Test("an ack of what was never sent frees what was, and no more")
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

    @Test("messages of the types 1 to 5 count, others do not")
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

    @Test("after a new webSocket what comes before the sequence is ignored, and what came before is ignored again")
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
        // It has not got the ack: it is told again.
        #expect(stateful.dueAck() == 2)
        #expect(try stateful.takes(Self.call))
        #expect(stateful.dueAck() == 3)
    }

    @Test("a client that leaves out messages is disconnected, as by a real node")
    func leftOut() throws {
        let stateful = Connection(limit: 100)
        #expect(try stateful.takes(Self.call))
        _ = stateful.resume()
        #expect(throws: CoreClientMessage.Malformed.sequence) { try stateful.takes(.sequence(3)) }
        #expect(try stateful.takes(.sequence(2)))
    }
}
