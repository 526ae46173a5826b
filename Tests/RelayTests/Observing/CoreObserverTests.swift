import Backplane
import Foundation
import Redis
import TestSupport
import Testing
import Time

@testable import Relay

@Suite struct CoreObserverTests {
    private static let now: UInt64 = 1_795_400_000_000_000_000
    private static let second: UInt64 = 1_000_000_000
    private static let hub = CoreHub(prefix: "app:", type: "Chat.Hubs.ChatHub")

    private let metrics = makeMetrics(hubs: [hub])

    // MARK: - Payloads of real nodes

    /// Counts derived from the vectors, compared with those of the observer.
    @Test func theVectors() throws {
        for vectors in try CoreVectors.all() {
            let metrics = makeMetrics(hubs: [vectors.hub])
            var observer = metrics.coreObserver()
            for vector in vectors.payloads {
                vector.record.withUnsafeBytes { observer.observe($0, receivedAt: Self.now) }
            }
            observer.tick(Moment(realtime: Self.now + 31 * Self.second, monotonic: 31 * Self.second))
            observer.publish()
            func sample(_ name: String, _ labels: String = "") -> Double? {
                let own = #"channel="\#(vectors.hub.topic)",backplane="core""#
                return metrics.sample("signalr_backplane_\(name){\(own)\(labels)}")
            }
            let payloads = vectors.payloads
            #expect(sample("envelopes_total") == Double(payloads.count))
            #expect(sample("envelope_bytes_total") == Double(payloads.map(\.payload.count).reduce(0, +)))
            #expect(sample("envelope_size_bytes_count") == Double(payloads.count))
            #expect(sample("largest_envelope_bytes") == payloads.map { Double($0.payload.count) }.max())
            for kind in CoreKind.allCases {
                let count = payloads.count { $0.kind == kind }
                #expect(sample("messages_total", #",kind="\#(kind.label)""#) == Double(count), "\(kind)")
            }
            for (method, count) in Self.methods(payloads) {
                let labels = #",hub="OracleHub",method="\#(method)""#
                #expect(sample("hub_invocations_total", labels) == Double(count), "\(method)")
            }
            for name in ["json", "messagepack"] {
                let count = payloads.count { Self.protocols($0).contains(name) }
                #expect(sample("protocol_envelopes_total", #",protocol="\#(name)""#) == Double(count), "\(name)")
            }
            #expect(sample("protocol_envelopes_total", #",protocol="other""#) == 0)
            for reason in CoreError.Reason.allCases {
                #expect(sample("undecodable_total", #",reason="\#(reason.label)""#) == 0)
            }
            for name in ["json", "messagepack", "other"] {
                #expect(sample("protocol_missing_total", #",protocol="\#(name)""#) == 0)
            }
            let addressed = Set(payloads.filter { Self.meaning($0, "messages") is [String: Any] }.map(\.channel))
            #expect(abs((sample("active_signals") ?? 0) - Double(addressed.count)) <= 1)
            let (unanswered, answered) = Self.commands(payloads)
            #expect(sample("group_acks_missing_total") == Double(unanswered))
            #expect(sample("group_ack_duration_seconds_count") == Double(answered))
            for (action, label) in [(1, "add_to_group"), (2, "remove_from_group")] {
                let count = payloads.count { Self.meaning($0, "action") as? Int == action }
                #expect(sample("commands_total", #",command="\#(label)""#) == Double(count))
            }
            #expect(sample("results_missing_total") == Double(Self.unansweredResults(payloads)))
        }
    }

    private static func meaning(_ vector: CoreVectors.Payload, _ member: String) -> Any? { vector.meaning[member] }

    private static func protocols(_ vector: CoreVectors.Payload) -> [String] {
        let meaning = vector.meaning
        if let messages = meaning["messages"] as? [String: Any] { return Array(messages.keys) }
        return [meaning["protocol"] as? String].compactMap { $0 }
    }

    /// Calls by method: in MessagePack the fourth item of the message, in JSON its target.
    private static func methods(_ vectors: [CoreVectors.Payload]) -> [String: Int] {
        var methods: [String: Int] = [:]
        for vector in vectors {
            guard let messages = vector.meaning["messages"] as? [String: Any] else { continue }
            var method: String?
            if let items = (messages["messagepack"] as? [[Any]])?.first { method = items[3] as? String }
            if let text = messages["json"] as? String,
                let tree = try? JSONSerialization.jsonObject(with: Data(text.utf8.dropLast())) as? [String: Any]
            {
                method = tree["target"] as? String
            }
            if let method { methods[method, default: 0] += 1 }
        }
        return methods
    }

    private static func commands(_ vectors: [CoreVectors.Payload]) -> (unanswered: Int, answered: Int) {
        let commands = vectors.count { $0.kind == .groupCommand }
        let acks = vectors.count { $0.kind == .ack }
        return (commands - acks, acks)
    }

    private static func unansweredResults(_ vectors: [CoreVectors.Payload]) -> Int {
        let asked = vectors.compactMap { $0.meaning["invocationId"] as? String }
        let answers = vectors.filter { $0.kind == .result }.map { String(decoding: $0.decoded, as: UTF8.self) }
        return asked.count { id in !answers.contains { $0.contains(id.replacing("/", with: "\\/")) } }
    }

    // MARK: - Constructed payloads

    private func record(_ channel: String, _ payload: [UInt8]) -> [UInt8] {
        CoreRecord.bytes(channel: Self.hub.root + Array(channel.utf8), payload: payload)
    }

    private func invocation(_ protocols: [String], reply: String? = nil) -> [UInt8] {
        let frames = protocols.map { name in
            CoreInvocation.Frame(protocolName: name, bytes: Self.frames[name] ?? Array("any".utf8))
        }
        return CoreInvocation(
            frames: frames, reply: reply.map { CoreInvocation.Reply(invocationID: $0, channel: "r") }
        ).encoded()
    }

    private static let frames: [String: [UInt8]] = [
        "json": Array("{\"type\":1,\"target\":\"say\",\"arguments\":[1]}\u{1e}".utf8),
        "messagepack": [0x0B, 0x96, 0x01, 0x80, 0xC0, 0xA3] + Array("say".utf8) + [0x91, 0x01, 0x90],
    ]

    private func sample(_ name: String, _ labels: String = "") -> Double? {
        metrics.sample(#"signalr_backplane_\#(name){channel="app:Chat.Hubs.ChatHub",backplane="core"\#(labels)}"#)
    }

    private func observe(_ observer: inout CoreObserver, _ records: [[UInt8]], at time: UInt64 = now) {
        for record in records { record.withUnsafeBytes { observer.observe($0, receivedAt: time) } }
        observer.publish()
    }

    private func missing(_ name: String) -> Double? { sample("protocol_missing_total", #",protocol="\#(name)""#) }

    /// Each node except the sender disconnects its clients with that protocol.
    @Test func anEnvelopeThatLacksAProtocolOfOthers() {
        var observer = metrics.coreObserver()
        observe(&observer, [record(":all", invocation(["json"]))])
        #expect(missing("messagepack") == 0, "no other envelope has that protocol")
        observe(&observer, [record(":group:a", invocation(["json", "messagepack"]))])
        #expect(missing("messagepack") == 0 && missing("json") == 0)
        observe(
            &observer,
            [
                record(":user:u", invocation(["json"])), record(":all", invocation(["json"])),
                record(":all", invocation(["messagepack"])), record(":all", invocation([])),
            ])
        #expect(missing("messagepack") == 3)
        #expect(missing("json") == 2)
        #expect(missing("other") == 0)
        observe(&observer, [record(":all", invocation(["blazorpack", "x"]))])
        #expect(missing("json") == 3 && missing("messagepack") == 4)
        #expect(sample("protocol_envelopes_total", #",protocol="other""#) == 1)
        #expect(sample("protocol_envelopes_total", #",protocol="json""#) == 4)
        // A client responds in its own protocol only.
        let answer = CoreCompletion(
            protocolName: "json", frame: Array("{\"type\":3,\"invocationId\":\"1\"}\u{1e}".utf8))
        observe(&observer, [record(":internal:return:s", answer.encoded())])
        #expect(missing("other") == 0 && sample("protocol_envelopes_total", #",protocol="json""#) == 5)
    }

    /// The protocol was disabled: envelopes without it now do no harm.
    @Test func aProtocolThatIsNoLongerUsedIsForgotten() {
        var observer = metrics.coreObserver()
        func wait(until second: UInt64) {
            observer.tick(Moment(realtime: Self.now + second * Self.second, monotonic: second * Self.second))
        }
        wait(until: 250)
        observe(&observer, [record(":all", invocation(["json", "messagepack"]))])
        wait(until: 310)
        observe(&observer, [record(":all", invocation(["json"]))])
        #expect(missing("messagepack") == 1, "used within the previous period")
        wait(until: 610)
        observe(&observer, [record(":all", invocation(["json"]))])
        #expect(missing("messagepack") == 1)
    }

    private func command(_ id: Int32, _ server: String) -> [UInt8] {
        record(
            ":internal:groups",
            CoreGroupCommand(id: id, server: server, action: .add, group: "g", connection: "c").encoded())
    }

    private func ack(_ id: Int32, _ server: String) -> [UInt8] {
        record(":internal:ack:" + server, CorePayload.ack(id: id).encoded())
    }

    @Test func acksAreCountedPerServer() {
        var observer = metrics.coreObserver()
        observe(&observer, [command(1, "web1_a"), command(1, "web2_b"), command(2, "web1_a")])
        observe(&observer, [ack(1, "web2_b"), ack(2, "web2_b")], at: Self.now + 40_000_000)
        #expect(sample("group_ack_duration_seconds_count") == 1)
        #expect(sample("group_ack_duration_seconds_bucket", #",le="0.05""#) == 1)
        #expect(sample("group_ack_duration_seconds_bucket", #",le="0.025""#) == 0)
        observer.tick(Moment(realtime: Self.now + 29 * Self.second, monotonic: Self.second))
        #expect(sample("group_acks_missing_total") == 0)
        observer.tick(Moment(realtime: Self.now + 31 * Self.second, monotonic: 2 * Self.second))
        #expect(sample("group_acks_missing_total") == 2)
        // Payloads that nodes ignore are not reported.
        var odd = CoreGroupCommand(id: 9, server: "s", action: .add, group: "g", connection: "c")
        odd.rawAction = 3
        observe(&observer, [record(":internal:groups", odd.encoded())], at: Self.now + 40 * Self.second)
        observer.tick(Moment(realtime: Self.now + 80 * Self.second, monotonic: 3 * Self.second))
        #expect(sample("group_acks_missing_total") == 2)
        #expect(sample("messages_total", #",kind="group_command""#) == 4)
        #expect(sample("commands_total", #",command="add_to_group""#) == 3)
    }

    @Test(arguments: ["a lost connection", "a payload that was not held", "an ack that does not decode"])
    func whatWasNotSeenMayHaveBeenTheAck(cause: String) {
        var observer = metrics.coreObserver()
        observe(&observer, [command(1, "s")])
        switch cause {
        case "a lost connection": observer.missedSomething()
        case "an ack that does not decode": observe(&observer, [record(":internal:ack:s", [0x90])])
        default:
            observer.passedOver(
                SkippedPayload(channel: 0, bytes: 1 << 30, start: [], receivedAt: Self.now, isTooLarge: true))
        }
        observer.tick(Moment(realtime: Self.now + 31 * Self.second, monotonic: Self.second))
        #expect(sample("group_acks_missing_total") == 0)
    }

    /// A publisher of invalid payloads must not hide missing acks.
    @Test func invalidPayloadsElsewhereAreNotAcks() {
        var observer = metrics.coreObserver()
        observe(&observer, [command(1, "s"), record(":all", [0xC1]), record(":nothing", [0x90]), [0x00]])
        observer.tick(Moment(realtime: Self.now + 31 * Self.second, monotonic: Self.second))
        #expect(sample("group_acks_missing_total") == 1)
        #expect(sample("undecodable_total", #",reason="wrong_type""#) == 1, "the record itself does not decode")
        #expect(sample("undecodable_total", #",reason="foreign_channel""#) == 1)
        #expect(sample("envelopes_total") == 4)
    }

    @Test func missingResults() {
        var observer = metrics.coreObserver()
        #expect(sample("results_missing_total") == nil, "without calls for a result nothing is known")
        let ids = ["a+b/c==", "second", "third"]
        observe(&observer, ids.map { record(":connection:c", invocation(["json"], reply: $0)) })
        #expect(sample("results_missing_total") == 0)
        let json = CoreCompletion(
            protocolName: "json",
            frame: Array("{\"type\":3,\"invocationId\":\"a\\u002Bb/c==\",\"result\":1}\u{1e}".utf8))
        let messagePack = CoreCompletion(
            protocolName: "messagepack", frame: [0x0C, 0x95, 3, 0x80, 0xA6] + Array("second".utf8) + [3, 1])
        observe(
            &observer,
            [
                record(":internal:return:s", json.encoded()), record(":internal:return:s", messagePack.encoded()),
            ])
        observer.tick(Moment(realtime: Self.now + 31 * Self.second, monotonic: Self.second))
        #expect(sample("results_missing_total") == 1)
        #expect(sample("undecodable_total", #",reason="truncated""#) == 0)
    }

    /// The invocation that it answers is in a frame that is not decoded here.
    @Test func aResultInAnotherProtocolMatchesAnyCall() {
        var observer = metrics.coreObserver()
        observe(&observer, [record(":connection:c", invocation(["x"], reply: "1"))])
        let answer = CoreCompletion(protocolName: "x", frame: [1, 2, 3])
        observe(&observer, [record(":internal:return:s", answer.encoded())])
        observer.tick(Moment(realtime: Self.now + 31 * Self.second, monotonic: Self.second))
        #expect(sample("results_missing_total") == 0)
        #expect(sample("messages_total", #",kind="result""#) == 1)
    }

    @Test func odditiesAreCountedByKind() {
        var observer = metrics.coreObserver()
        // A count with more bytes than necessary, and a byte after the payload.
        observe(&observer, [record(":all", [0x92, 0xDC, 0, 0, 0x80, 0xC0])])
        for label in CoreOddities(rawValue: .max).labels {
            let expected = label == "long_form" || label == "trailing_bytes" ? 1.0 : 0
            #expect(sample("odd_envelopes_total", #",reason="\#(label)""#) == expected, "\(label)")
        }
        #expect(sample("messages_total", #",kind="all""#) == 1)
    }

    /// A generic hub's type is too long for a label; its class is what lines show too.
    @Test func theHubIsNamedByItsClass() {
        let type =
            "Chat.Hubs.Outer+RoomHub`1[[System.Int32, System.Private.CoreLib, Version=8.0.0.0, Culture=neutral, PublicKeyToken=7cec85d7bea7798e]]"
        let hub = CoreHub(type: type)
        let metrics = makeMetrics(hubs: [hub])
        var observer = metrics.coreObserver()
        CoreRecord.bytes(channel: hub.channel(.all, []), payload: invocation(["json"]))
            .withUnsafeBytes { observer.observe($0, receivedAt: Self.now) }
        observer.publish()
        let series = metrics.series("signalr_backplane_hub_invocations_total")
        #expect(
            Array(series.keys) == [
                #"signalr_backplane_hub_invocations_total{channel="\#(type)",backplane="core",hub="RoomHub`1",method="say"}"#
            ])
    }

    // MARK: - Series

    /// Values that this wire does not have have no series, instead of one that is 0.
    @Test func valuesThatAWireDoesNotHaveHaveNoSeries() {
        var observer = metrics.coreObserver()
        observe(&observer, [record(":all", invocation(["json"]))])
        observer.tick(Moment(realtime: Self.now, monotonic: Self.second))
        let core = Set(metrics.series().keys.map { String($0.prefix { $0 != "{" }) })
        for name in [
            "last_id", "gaps_total", "missing_ids_total", "duplicate_ids_total", "id_resets_total",
            "counter_resets_total",
            "ids_in_doubt_total",
            "interleaved_ids_total", "clock_skew_total", "delivery_latency_seconds_count",
            "delivery_latency_floor_seconds", "results_missing_total",
        ] {
            #expect(!core.contains("signalr_backplane_" + name), "\(name)")
        }
        #expect(metrics.series().keys.allSatisfy { $0.contains(#"backplane="core""#) })
        let other = makeMetrics()
        #expect(other.series().keys.allSatisfy { $0.contains(#"backplane="signalr2""#) })
        #expect(other.series("signalr_backplane_protocol").isEmpty)
        #expect(other.series("signalr_backplane_gaps_total").count == 1)
    }
}
