import Backplane
import Foundation
import MCAP
import TestSupport
import Testing
import Time

@testable import Capture

/// Hubs of ASP.NET Core in a capture: payloads of real nodes, written and read back.
@Suite struct CoreCaptureTests {
    @Test func everyVectorIsReadBackByteForByteInOrder() throws {
        let directory = try TemporaryDirectory()
        let vectors = try CoreRecording.record(directory.path)
        let reading = try Reading(directory.path)
        #expect(reading.damage.isEmpty && reading.report.foreignTopics.isEmpty)
        #expect(vectors.map(\.payloads.count) == [49, 49, 49])
        for setting in vectors {
            let read = reading.envelopes.filter { $0.channel == setting.hub.topic }.map(\.payload)
            #expect(read == setting.payloads.map(\.record))
        }
        #expect(reading.envelopes.filter { $0.channel == "chat" }.map(\.id) == (1...147).map { $0 })
    }

    @Test func theFileDescribesEachChannel() throws {
        let directory = try TemporaryDirectory()
        _ = try CoreRecording.record(directory.path)
        let capture = try CaptureReader(paths: [directory.path])
        let expected = Set(try CoreVectors.all().map { BackplaneChannel.core($0.hub) })
            .union([.signalR2(key: "chat")])
        #expect(capture.backplanes() == expected)
        let start = try #require(try metadata("capture", in: bytes(ofFile: directory.files[0])))
        #expect(
            start["backplanes"]
                == #"[{"backplane":"signalr2","channel":"chat"},{"backplane":"core","channel":"orcOracleHub","hub":"OracleHub","prefix":"orc"},{"backplane":"core","channel":"OracleHub","hub":"OracleHub","prefix":""},{"backplane":"core","channel":"my:app:OracleHub","hub":"OracleHub","prefix":"my:app:"}]"#
        )
    }

    @Test func withoutHubsASegmentIsUnchanged() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        try writer.record(1...3 as ClosedRange<UInt64>, from: .start)
        try writer.close(.start)
        let file = try bytes(ofFile: directory.files[0])
        #expect(try metadata("capture", in: file)?["backplanes"] == nil)
        #expect(String(decoding: file, as: UTF8.self).contains(CoreCapture.schemaName) == false)
    }

    /// The content of an object, compared with the expected meaning.
    @Test func everyVectorIsShownWithItsMeaning() throws {
        let directory = try TemporaryDirectory()
        let vectors = try CoreRecording.record(directory.path)
        let reading = try Reading(directory.path)
        for setting in vectors {
            let read = reading.envelopes.filter { $0.channel == setting.hub.topic }
            for (envelope, vector) in zip(read, setting.payloads) {
                let object = try CoreRecording.json(envelope, setting.hub.form)
                #expect(object["channel"] as? String == setting.hub.topic)
                #expect(object["redis_channel"] as? String == String(decoding: vector.channel, as: UTF8.self))
                for absent in ["id", "created_at", "latency_ns", "error", "oddities"] { #expect(object[absent] == nil) }
                let message = try #require((object["messages"] as? [[String: Any]])?.first)
                #expect(message["kind"] as? String == vector.kind.label && message["hub"] as? String == "OracleHub")
                #expect(message["bytes"] as? Int == vector.payload.count)
                try expect(message, vector)
            }
        }
    }

    private func expect(_ message: [String: Any], _ vector: CoreVectors.Payload) throws {
        let meaning = vector.meaning
        switch vector.kind {
        case .ack:
            #expect(message["command"] as? String == (meaning["id"] as? Int).map(String.init))
            #expect(message["is_ack"] as? Bool == true)
        case .groupCommand:
            #expect(message["target"] as? String == meaning["group"] as? String)
            #expect(message["source"] as? String == meaning["server"] as? String)
            #expect(message["connection"] as? String == meaning["connection"] as? String)
            let name = meaning["action"] as? Int == 1 ? "AddToGroup" : "RemoveFromGroup"
            #expect(message["command_name"] as? String == name)
        case .result: #expect((message["protocols"] as? [String])?.first == meaning["protocol"] as? String)
        case .all, .group, .user, .connection:
            let frames = try #require(meaning["messages"] as? [String: Any])
            #expect((message["protocols"] as? [String]).map(Set.init) == Set(frames.keys))
            #expect(message["excluded"] as? [String] ?? [] == meaning["excluded"] as? [String] ?? [])
            #expect(message["return_channel"] as? String == meaning["returnChannel"] as? String)
            #expect(message["protocols_agree"] == nil)
            guard let frame = (frames["json"] as? String)?.dropLast() else {
                #expect(message["method"] is String && message["arguments"] is [Any])
                return
            }
            let meant = try JSONSerialization.jsonObject(with: Data(frame.utf8)) as? [String: Any]
            #expect(message["method"] as? String == meant?["target"] as? String)
            #expect((message["arguments"] as? NSArray) == (meant?["arguments"] as? NSArray))
        }
    }

    // MARK: - Selecting

    private static let selections: [(CaptureSelection, @Sendable (CoreVectors.Payload, CoreHub) -> Bool)] = [
        (CaptureSelection(kinds: [.all]), { payload, _ in payload.kind == .all }),
        (CaptureSelection(kinds: [.groupCommand]), { payload, _ in payload.kind == .groupCommand }),
        (
            CaptureSelection(kinds: [.result, .user]),
            { payload, _ in payload.kind == .result || payload.kind == .user }
        ),
        (CaptureSelection(channels: ["orcOracleHub"]), { $1.prefix == "orc" }),
        (CaptureSelection(hubs: ["oraclehub"]), { _, _ in true }),
        (CaptureSelection(hubs: ["orcOracleHub"]), { _, _ in false }),
        (
            CaptureSelection(methods: ["recv"], channels0: "OracleHub"),
            { payload, hub in
                hub.prefix.isEmpty && String(decoding: payload.payload, as: UTF8.self).contains(#""target":"Recv""#)
            }
        ),
        (
            CaptureSelection(signals: ["*:group:*"]),
            { payload, _ in String(decoding: payload.channel, as: UTF8.self).contains(":group:") }
        ),
        (CaptureSelection(fromID: 1), { _, _ in false }),
        (
            CaptureSelection(texts: ["hello all"]),
            { payload, _ in String(decoding: payload.payload, as: UTF8.self).contains("hello all") }
        ),
        // The name of a protocol is not among the values.
        (CaptureSelection(texts: ["messagepack"]), { _, _ in false }),
        (
            CaptureSelection(groups: ["Grüppe: ★/x y"]),
            { payload, _ in
                String(decoding: payload.kind == .groupCommand ? payload.payload : payload.channel, as: UTF8.self)
                    .contains("Grüppe: ★/x y")
            }
        ),
    ]

    @Test(arguments: selections.indices) func filtersSelect(index: Int) throws {
        let (selection, isWanted) = Self.selections[index]
        let directory = try TemporaryDirectory()
        let vectors = try CoreRecording.record(directory.path, mixed: false)
        let expected = vectors.flatMap { setting in
            setting.payloads.filter { isWanted($0, setting.hub) }.map(\.record)
        }
        #expect(try Reading(directory.path, filter: selection).envelopes.map(\.payload) == expected)
        #expect(expected.isEmpty == (selection.fromID != nil || [5, 10].contains(index)))
    }

    @Test func aSampleContainsEachGroupCompletelyOrNotAtAll() throws {
        let directory = try TemporaryDirectory()
        let all = try CoreRecording.record(directory.path, mixed: false).flatMap(\.payloads)
        let some = Set(
            try Reading(directory.path, filter: CaptureSelection(samplePercent: 40)).envelopes.map(\.payload))
        #expect(!some.isEmpty && some.count < all.count)
        for channel in Set(all.map(\.channel)) {
            let records = Set(all.filter { $0.channel == channel }.map(\.record))
            #expect(records.isSubset(of: some) || records.isDisjoint(with: some))
        }
    }

    // MARK: - Summary

    @Test func aSummaryCountsAndExplainsUnknownCompleteness() throws {
        let directory = try TemporaryDirectory()
        _ = try CoreRecording.record(directory.path)
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        #expect(summary.channels.map(\.channel) == ["chat", "OracleHub", "my:app:OracleHub", "orcOracleHub"])
        #expect(summary.envelopes == 294 && summary.verdict.isComplete == nil && summary.verdict.exitStatus == 0)
        let both = try #require(summary.channels.last)
        #expect(
            both.messages == [
                "all": 6, "group": 7, "user": 3, "connection": 15, "group_command": 5, "ack": 4, "result": 9,
            ])
        let core = try #require(both.core)
        #expect(core.prefix == "orc" && core.hub == "OracleHub" && core.lackingProtocol.isEmpty)
        #expect(core.protocols["json"] ?? 0 >= 31 && core.protocols["messagepack"] ?? 0 >= 31)
        // One command was sent to an unknown connection.
        #expect(core.groupCommands == 5 && core.commandsWaiting == 1 && core.acksWithoutCommand == 0)
        let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(summary)) as? [String: Any]
        #expect(object?["complete"] is NSNull)
        let channels = try #require(object?["channels"] as? [[String: Any]])
        let last = try #require(channels.last)
        for absent in ["missing_ids", "holes", "duplicate_ids", "first_id"] { #expect(last[absent] == nil) }
        #expect(last["complete"] is NSNull && (last["completeness"] as? String)?.contains("no ids") == true)
        #expect(channels[0]["missing_ids"] as? Int == 0 && channels[0]["backplane"] == nil)
    }

    @Test func envelopesWithoutAProtocolAndCommandsWithoutAckAreCounted() throws {
        let directory = try TemporaryDirectory()
        let hub = CoreHub(prefix: "p", type: "Chat.ChatHub")
        var writer = CaptureWriter(
            configuration: .init(directory: directory.path, backplanes: [.core(hub)], durability: .never),
            source: testSource, previous: .init(), observer: WriterLog())
        var now = Moment.start
        func add(_ kind: CoreKind, _ name: String, _ payload: [UInt8]) {
            CoreRecord.bytes(channel: hub.channel(kind, Array(name.utf8)), payload: payload).withUnsafeBytes {
                writer.append(channel: 0, id: nil, publishTime: nil, receivedAt: now.realtime, payload: $0, at: now)
            }
        }
        let json: [UInt8] = Array("{\"type\":1,\"target\":\"x\",\"arguments\":[]}\u{1E}".utf8)
        let pack: [UInt8] = [8, 0x96, 1, 0x80, 0xC0, 0xA1, 0x78, 0x90, 0x90]
        func invocation(_ frames: [(String, [UInt8])]) -> [UInt8] {
            var writer = MessagePackWriter()
            writer.array(2)
            writer.array(0)
            writer.map(frames.count)
            for (name, frame) in frames {
                writer.string(name)
                writer.binary(frame)
            }
            return writer.bytes
        }
        add(.all, "", invocation([("json", json), ("messagepack", pack)]))
        add(.all, "", invocation([("json", json)]))
        add(.user, "u", invocation([("json", json)]))
        add(.all, "", invocation([("messagepack", pack)]))
        add(.all, "", Array("no invocation".utf8))
        let command = CoreGroupCommand(id: 1, server: "s_1", action: .add, group: "g", connection: "c")
        add(.groupCommand, "", CorePayload.groupCommand(command).encoded())
        add(.ack, "other", CorePayload.ack(id: 1).encoded())
        let ping = CorePing()
        for id in 1...2 as ClosedRange<Int32> {
            add(.groupCommand, "", ping.command(id: id, connection: "c"))
        }
        add(.ack, ping.server, CorePayload.ack(id: 2).encoded())
        now = now.after(milliseconds: 30_001)
        add(.ack, "s_1", CorePayload.ack(id: 1).encoded())
        try writer.close(now)
        let channel = try #require(try CaptureSummary(of: CaptureReader(paths: [directory.path])).channels.first)
        #expect(channel.core?.lackingProtocol == ["json": 1, "messagepack": 2])
        #expect(channel.core?.commandsWithoutAck == 1 && channel.core?.acksWithoutCommand == 1)
        #expect(channel.core?.groupCommands == 1 && channel.core?.pings == 2 && channel.core?.pingAcks == 1)
        #expect(channel.undecodable.values.reduce(0, +) == 1 && channel.envelopes == 11)
    }
}

extension CaptureSelection {
    fileprivate init(methods: [String], channels0 channel: String) {
        self.init(channels: [OrdinalName(channel)], methods: methods)
    }
}
