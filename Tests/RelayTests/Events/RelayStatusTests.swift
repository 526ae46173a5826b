import Redis
import Testing

@testable import Relay

@Suite struct RelayStatusTests {
    static let cases: [(records: Bool, subscribed: Bool, writing: Bool, reason: String?)] = [
        (false, false, false, "not subscribed to Redis"), (false, true, false, nil), (false, true, true, nil),
        (true, false, false, "not subscribed to Redis"), (true, false, true, "not subscribed to Redis"),
        (true, true, false, "the capture is not being written"), (true, true, true, nil),
    ]

    @Test(arguments: cases) func readiness(records: Bool, subscribed: Bool, writing: Bool, reason: String?) {
        let status = RelayStatus(records: records)
        #expect(status.notReadyReason == "not subscribed to Redis")
        status.isSubscribed = subscribed
        status.isWriting = writing
        #expect(status.notReadyReason == reason)
    }

    @Test func aReplicaIsNotReady() {
        let status = RelayStatus(records: false)
        status.isSubscribed = true
        status.masterLoss = MasterLoss(master: "b:6379", since: 1)
        #expect(status.notReadyReason == "Redis is a replica of b:6379 now: nodes publish to its master")
        status.masterLoss = nil
        #expect(status.notReadyReason == nil)
    }

    @Test func aWatchedReplicaIsReadyWhileItHasALink() {
        let status = RelayStatus(records: false)
        var subscription = Subscription(server: nil, endpoint: "r:1")
        subscription.role = .replica(of: "m:1")
        status.consume(.subscribed(subscription))
        #expect(status.isReplicaChosen && status.notReadyReason == nil)
        let info = "role:slave\r\nmaster_host:m\r\nmaster_port:1\r\nmaster_link_status:"
        func observe(_ link: String, at time: UInt64) {
            ReplicationReport(info: info + link + "\r\n").map { status.observe($0, at: time) }
        }
        observe("up", at: 1)
        #expect(status.replica == ReplicaHealth(master: "m:1", isLinked: true, since: 1))
        observe("down", at: 5)
        observe("down", at: 6)
        #expect(status.replica?.since == 5)
        #expect(status.notReadyReason == "the replica has lost its master m:1: nothing that nodes publish arrives")
        observe("up", at: 7)
        #expect(status.notReadyReason == nil)
        ReplicationReport(info: "role:master\r\n").map { status.observe($0, at: 8) }
        #expect(status.replica == nil)
    }
}
