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

    @Test("listens to its connection, and to hub, client and user of each hub")
    func signals() {
        #expect(request(hubs: []).signals == ["c-c1"])
        #expect(request().signals == ["c-c1", "h-chathub", "hc-chathub.c1"])
        #expect(
            request(user: "Alice", hubs: ["chatHub", "Orders"]).signals == [
                "c-c1", "h-chathub", "hc-chathub.c1", "hu-chathub.alice", "h-orders", "hc-orders.c1", "hu-orders.alice",
            ])
    }

    @Test("listens to a group from the envelope on that brought it")
    func membership() {
        let session = session(request())
        #expect(!session.listens(to: "hg-chathub.room", id: 6))
        session.groups["hg-chathub.room"] = Session.Membership(name: "chatHub.Room", since: 5)
        #expect(!session.listens(to: "hg-chathub.room", id: 4))
        #expect(!session.listens(to: "hg-chathub.room", id: 5))
        #expect(session.listens(to: "hg-chathub.room", id: 6))
        #expect(session.listens(to: "h-chathub", id: 1))
        #expect(!session.listens(to: "h-orders", id: 1))
    }

    private static let exclusions: [(keys: [String], isExcluded: Bool)] = [
        ([], false), (["c-c1"], true), (["c-c2", "c-c1"], true), (["c-c2"], false), (["hg-chathub.room"], true),
        (["hg-chathub.other"], false), (["hc-chathub.c1"], true),
    ]

    @Test("is excluded by whatever it listens to", arguments: exclusions)
    func excluded(keys: [String], isExcluded: Bool) {
        let session = session(request())
        session.groups["hg-chathub.room"] = Session.Membership(name: "chatHub.room", since: 0)
        #expect(session.isExcluded(by: keys) == isExcluded)
    }

    @Test("names its groups as they were given, in a fixed order")
    func groupNames() {
        let session = session(request())
        for name in ["chatHub.c", "chatHub.A", "chatHub.b"] {
            session.groups["hg-\(name.lowercased())"] = Session.Membership(name: name, since: 0)
        }
        #expect(session.groupNames == ["chatHub.A", "chatHub.b", "chatHub.c"])
    }

    @Test("a new connection waits for its Initializing command; one that goes on does not")
    func initialized() {
        #expect(!session(request(.connect)).isInitialized)
        #expect(session(request(.resume)).isInitialized)
    }
}
