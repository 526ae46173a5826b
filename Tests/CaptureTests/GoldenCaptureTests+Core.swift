import Backplane
import Foundation
import TestSupport
import Testing
import Time

@testable import Capture

/// Hubs of ASP.NET Core.
extension GoldenCaptureTests {
    /// One payload of each shape that real nodes published, by setting.
    static func shapes() throws -> [(hub: CoreHub, payloads: [CoreVectors.Payload])] {
        try CoreVectors.all().map { setting in
            var seen: Set<String> = []
            let some = try setting.payloads.filter { payload in
                let read = Reading.Envelope(channel: setting.hub.topic, receivedAt: 0, payload: payload.record)
                let shown = try CoreRecording.json(read, setting.hub.form)
                let message = try #require((shown["messages"] as? [[String: Any]])?.first)
                let kind = (message["kind"] as? String ?? "") + (message["command_name"] as? String ?? "")
                return seen.insert("\(kind) \(message.keys.sorted())").inserted
            }
            return (setting.hub, some)
        }
    }

    @Test func coreChannels() throws {
        let settings = try Self.shapes()
        var writer = try writer("core-channels", backplanes: settings.map { .core($0.hub) })
        var now = Moment.start
        for (index, setting) in settings.enumerated() {
            now = try writer.record(setting.payloads, channel: index, from: now)
        }
        try writer.close(now)
    }

    /// The message numbers of a hub continue in the next segment.
    @Test func coreAndEventKey() throws {
        let setting = try Self.shapes()[0]
        var writer = try writer("core-mixed", backplanes: [.signalR2(key: "chat"), .core(setting.hub)])
        var now = Moment.start
        let parts: [(ArraySlice<CoreVectors.Payload>, UInt64)] = [
            (setting.payloads.prefix(3), 1), (setting.payloads.suffix(3), 5),
        ]
        for (part, id) in parts {
            now = try writer.record(id...id + 3, from: now)
            now = try writer.record(part, channel: 1, from: now)
            if id == 1 { try writer.rotateNow(now) }
        }
        try writer.close(now, .stopped(checkedIDs: ["chat": 8]))
    }

    @Test func coreHashedNames() throws {
        var source = testSource
        source.payload = .hash
        source.hashesNames = true
        let setting = try Self.shapes()[0]
        var writer = try writer("core-hashed", backplanes: [.core(setting.hub)], source: source)
        try writer.close(writer.record(setting.payloads.prefix(4), from: .start))
    }

    @Test func coreOdd() throws {
        let hub = CoreHub(prefix: "orc", type: "OracleHub")
        var writer = try writer("core-odd", backplanes: [.core(hub)])
        let records = Self.oddPayloads.map { channel, payload in
            CoreRecord.bytes(channel: Array((hub.topic + channel).utf8), payload: payload)
        }
        let foreign = CoreRecord.bytes(channel: Array("elsewhere:all".utf8), payload: [0x90])
        try writer.close(writer.record(records: records + [foreign, [0x92, 0xA3]], from: .start))
    }

    /// What real nodes do not publish, or publish only with other clients: the end of the channel and the payload.
    private static let oddPayloads: [(String, [UInt8])] = {
        func json(_ text: String) -> CoreInvocation.Frame {
            CoreInvocation.Frame(protocolName: "json", bytes: Array(text.utf8) + [0x1E])
        }
        func written(_ body: (inout MessagePackWriter) -> Void) -> [UInt8] {
            var writer = MessagePackWriter()
            body(&writer)
            return writer.bytes
        }
        let upload = json(
            #"{"type":1,"headers":{"trace":"7"},"target":"Upload","arguments":[{"size":1.5}],"streamIds":["s1"]}"#)
        let other = CoreInvocation.Frame(protocolName: "blazorpack", bytes: [1, 2, 3])
        let packed = written {
            $0.array(6)
            $0.int(1)
            $0.map(0)
            $0.nil()
            $0.string("Other")
            $0.array(2)
            $0.timestamp(MessagePackTimestamp(seconds: 1_795_383_660, nanoseconds: 5))
            $0.binary([0, 255])
            $0.array(0)
        }
        let different = CoreInvocation.Frame(protocolName: "messagepack", bytes: [UInt8(packed.count)] + packed)
        var forwarded = CoreInvocation(frames: [json(#"{"type":1,"target":"Recv","arguments":[]}"#)])
        forwarded.places = ["berlin", "oslo"]
        var unknown = CoreGroupCommand(id: 8, server: "vm_1", action: .add, group: "g1", connection: "c1")
        unknown.rawAction = 7
        let pinger = "backplane-relay~ping_0123456789abcdef0123456789abcdef"
        let ping = CoreGroupCommand(id: 1, server: pinger, action: .remove, group: CorePing.group, connection: "c1")
        func command(_ server: (inout MessagePackWriter) -> Void) -> [UInt8] {
            written {
                $0.array(5)
                $0.int(9)
                server(&$0)
                $0.int(1)
                $0.string("g1")
                $0.string("c1")
            }
        }
        return [
            (":all", CoreInvocation(frames: [upload, other]).encoded()),
            (":all", CoreInvocation(frames: [upload, different]).encoded()),
            (":all", CoreInvocation(frames: [json(#"{"type":2,"invocationId":"1","item":4}"#)]).encoded()),
            (":group:g1", forwarded.encoded()),
            (":all", CoreInvocation(frames: [other, other]).encoded()),
            (":internal:groups", unknown.encoded()),
            (":internal:groups", ping.encoded()),
            (":internal:ack:\(pinger)", CorePayload.ack(id: 1).encoded()),
            (":internal:groups", command { $0.nil() }),
            (":internal:groups", command { $0.string(utf8: [0xFF]) }),
            (":internal:ack:vm_1", [0x91, 0xD2, 0, 0, 0, 9]),
            (":internal:ack:vm_1", [0x92, 9, 0xC0]),
            (":internal:ack:vm_1", [0x91, 9, 0]),
            (
                ":user:alice",
                written {
                    $0.array(2)
                    $0.array(0)
                    $0.map(1)
                    $0.string("json")
                    $0.string("{\"type\":1,\"target\":\"Recv\",\"arguments\":[]}\u{1E}")
                }
            ),
            (
                ":connection:c1",
                written {
                    $0.array(4)
                    $0.array(0)
                    $0.map(0)
                    $0.nil()
                    $0.nil()
                }
            ),
            (":all", []), (":all", [0xC1]), (":all", [0x80]), (":all", [0x90]),
            (":internal:ack:vm_1", [0x91, 0xDB, 0, 0, 1, 0]), (":all", [0x92, 0xDD, 255, 255, 255, 255]),
            (":connection:c1", CoreInvocation(frames: [json("{")]).encoded()),
            (
                ":internal:return:vm_1",
                CoreCompletion(protocolName: "messagepack", frame: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]).encoded()
            ),
        ]
    }()

    /// Each segment says at its start which hubs it holds.
    @Test func discovery() throws {
        let settings = try Self.shapes()
        var writer = try writer("discovery", backplanes: [.core(settings[0].hub)])
        writer.append(.attached(channel: settings[0].hub.topic), at: .start)
        var now = try writer.record(settings[0].payloads.prefix(3), from: .start)
        try writer.close(now, .goesOn)
        now = now.after(milliseconds: 5)
        writer.attach([.core(settings[1].hub), .signalR2(key: "chat")])
        writer.append(.attached(channel: settings[1].hub.topic), at: now)
        now = try writer.record(settings[1].payloads.prefix(3), channel: 1, from: now)
        now = try writer.record(1...2, channel: 2, from: now)
        writer.append(.detached(channel: settings[0].hub.topic), at: now)
        now = try writer.record(settings[1].payloads.prefix(2), channel: 1, from: now)
        writer.append(.attached(channel: settings[0].hub.topic), at: now)
        now = try writer.record(settings[0].payloads.prefix(2), from: now)
        try writer.close(now, .stopped(checkedIDs: ["chat": 2]))
    }

    /// After the erasure of a person: envelopes of both wires are removed, and a connection id in a list of excluded ones
    /// is replaced.
    @Test func erased() throws {
        let directory = try TemporaryDirectory()
        let setting = try Self.shapes()[0]
        var writer = try writer(
            "erased", backplanes: [.signalR2(key: "chat"), .core(setting.hub)], into: directory.path)
        var now = try writer.record(1...4, from: .start)
        now = try writer.record(setting.payloads, channel: 1, from: now)
        try writer.close(now, .stopped(checkedIDs: ["chat": 4]))
        let person = ErasedPerson(users: ["alice"], connections: ["uRoxo8HBAkVPLfjzPPGIcg"], texts: ["3-3-3"])
        var erasure = try CaptureErasure(
            CaptureReader(paths: [directory.path]), of: person, hasNamesKey: false, relayVersion: "1.2.3")
        let outcome = try erasure.write(to: path("erased"), at: now.after(milliseconds: 60_000))
        #expect(outcome.removed > 1 && outcome.changed > 0)
    }
}

extension CaptureWriter {
    /// Records of envelopes without ids, a millisecond apart, and a flush.
    ///
    /// - Returns: the moment of the flush.
    mutating func record(
        records: some Sequence<[UInt8]>, channel: Int = 0, from start: Moment
    ) throws -> Moment {
        var now = start
        for record in records {
            record.withUnsafeBytes {
                append(channel: channel, id: nil, publishTime: nil, receivedAt: now.realtime, payload: $0, at: now)
            }
            now = now.after(milliseconds: 1)
        }
        try flush(now)
        return now
    }

    /// Payloads of a hub, as above.
    mutating func record(
        _ payloads: some Sequence<CoreVectors.Payload>, channel: Int = 0, from start: Moment
    ) throws -> Moment {
        try record(records: payloads.map(\.record), channel: channel, from: start)
    }
}
