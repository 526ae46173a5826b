import Testing

@testable import Capture

@Suite struct CaptureEventTests {
    private static var atAReplica: CaptureEvent {
        var event = CaptureEvent.subscribed(runID: "a1", redisVersion: "7.2.4")
        event.redis = "10.0.0.2:6379"
        event.replicaOf = "10.0.0.1:6379"
        event.masterReplid = "h1"
        return event
    }

    static let events: [(CaptureEvent, String)] = [
        (
            .subscribed(runID: "a1", redisVersion: "7.2.4"),
            #"{"event":"subscribed","redis_version":"7.2.4","run_id":"a1"}"#
        ),
        (.subscribed(runID: nil, redisVersion: nil), #"{"event":"subscribed"}"#),
        (
            atAReplica,
            #"{"event":"subscribed","master_replid":"h1","redis":"10.0.0.2:6379","redis_version":"7.2.4","replica_of":"10.0.0.1:6379","run_id":"a1"}"#
        ),
        (.disconnected(cause: "closed_by_server"), #"{"cause":"closed_by_server","event":"disconnected"}"#),
        (
            .gap(channel: "chat", from: 3, to: .max, cause: .outputBufferLimit),
            #"{"cause":"output_buffer_limit","channel":"chat","event":"gap","from":3,"to":18446744073709551615}"#
        ),
        (.duplicate(channel: "chat", id: 7), #"{"channel":"chat","event":"duplicate","from":7,"to":7}"#),
        (
            .counterReset(channel: "chat", from: 103, to: 50),
            #"{"channel":"chat","event":"counter_reset","from":103,"to":50}"#
        ),
        (
            .dropped(channel: nil, envelopes: 5, bytes: 900, reason: "buffer_full"),
            #"{"bytes":900,"envelopes":5,"event":"dropped","reason":"buffer_full"}"#
        ),
        (
            .dropped(channel: "a/\"b\"\u{1}", envelopes: 2, bytes: 80, reason: "write_error", ids: 4...5),
            #"{"bytes":80,"channel":"a/\"b\"\u0001","envelopes":2,"event":"dropped","from":4,"reason":"write_error","to":5}"#
        ),
        (.clockStep(nanoseconds: -60_000_000_000), #"{"event":"clock_step","nanoseconds":-60000000000}"#),
        (.segment("b.mcap", previous: "a.mcap"), #"{"event":"segment","previous":"a.mcap","segment":"b.mcap"}"#),
    ]

    @Test(arguments: events) func literal(event: CaptureEvent, json: String) {
        #expect(String(decoding: event.json(), as: UTF8.self) == json)
        #expect(Array(json.utf8).withUnsafeBytes { CaptureEvent(json: $0) } == event)
    }

    @Test(arguments: ["", "[]", "{}", #"{"event":7}"#, #"{"event":"gap","from":-1}"#, "not json"])
    func refuses(_ text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { CaptureEvent(json: $0) } == nil)
    }

    @Test func unknownMembersFromLaterVersionsAreIgnored() {
        let json = Array(#"{"event":"new_thing","weight":3}"#.utf8)
        #expect(json.withUnsafeBytes { CaptureEvent(json: $0) } == CaptureEvent(event: "new_thing"))
    }
}
