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
}
