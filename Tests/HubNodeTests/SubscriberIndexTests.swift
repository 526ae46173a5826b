import Backplane
import NIOCore
import Testing

@testable import HubNode

@Suite("Subscriber index")
struct SubscriberIndexTests {
    private func session(_ id: String) -> Session {
        Session(
            request: SessionRequest(
                purpose: .connect, connectionID: id, user: "", hubs: ["chatHub"], transport: .webSockets, cursor: nil,
                groups: []),
            cursor: 0, now: .uptimeNanoseconds(0))
    }

    private func subscribers(_ index: SubscriberIndex, of key: CaselessName) -> [String] {
        index.subscribers(of: key).map(\.connectionID).sorted()
    }

    @Test("finds subscribers only by their key")
    func add() {
        var index = SubscriberIndex()
        let (a, b) = (session("a"), session("b"))
        #expect(subscribers(index, of: "h-chathub").isEmpty)
        index.add(a, to: "h-chathub")
        index.add(b, to: "h-chathub")
        index.add(b, to: "c-b")
        #expect(subscribers(index, of: "h-chathub") == ["a", "b"])
        #expect(subscribers(index, of: "c-b") == ["b"])
        #expect(subscribers(index, of: "c-a").isEmpty)
        #expect(subscribers(index, of: "H-chatHub") == ["a", "b"])
    }

    @Test("no subscriber is found twice")
    func addedTwice() {
        var index = SubscriberIndex()
        let a = session("a")
        index.add(a, to: "k")
        index.add(a, to: "k")
        #expect(subscribers(index, of: "k") == ["a"])
        index.remove(a, from: "k")
        #expect(subscribers(index, of: "k").isEmpty)
    }

    @Test("removes a subscriber from one key only")
    func remove() {
        var index = SubscriberIndex()
        let (a, b) = (session("a"), session("b"))
        for key in ["k", "l"] as [CaselessName] {
            index.add(a, to: key)
            index.add(b, to: key)
        }
        index.remove(a, from: "k")
        #expect(subscribers(index, of: "k") == ["b"])
        #expect(subscribers(index, of: "l") == ["a", "b"])
        index.remove(a, from: "k")
        index.remove(a, from: "never")
        index.remove(b, from: "k")
        #expect(subscribers(index, of: "k").isEmpty)
        index.add(a, to: "k")
        #expect(subscribers(index, of: "k") == ["a"])
    }

    @Test("a client that reconnects with its id is a new session")
    func sameID() {
        var index = SubscriberIndex()
        let (old, new) = (session("a"), session("a"))
        index.add(old, to: "k")
        index.add(new, to: "k")
        index.remove(old, from: "k")
        #expect(index.subscribers(of: "k").map(ObjectIdentifier.init) == [ObjectIdentifier(new)])
    }

    @Test("a subscriber may be removed during iteration")
    func removalWhileIterating() {
        var index = SubscriberIndex()
        let sessions = (0..<10).map { session("\($0)") }
        for session in sessions { index.add(session, to: "k") }
        var seen = 0
        for session in index.subscribers(of: "k") {
            index.remove(session, from: "k")
            seen += 1
        }
        #expect(seen == 10)
        #expect(subscribers(index, of: "k").isEmpty)
    }
}
