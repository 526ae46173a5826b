import Backplane
import Foundation
import MCAP
import TestSupport
import Testing
import Time

@testable import Capture

/// Envelopes of ASP.NET Core that nodes do not write, and unclosed files.
@Suite struct CoreCaptureDamageTests {
    /// A payload or record cut at each position.
    @Test func cutRecordsAreReportedAndNeverTrap() throws {
        for setting in try CoreVectors.all() {
            for vector in setting.payloads {
                for cut in [0, 1, vector.payload.count / 2, vector.payload.count - 1] {
                    let record = CoreRecord.bytes(
                        channel: vector.channel, payload: Array(vector.payload.prefix(cut)))
                    let envelope = Reading.Envelope(channel: setting.hub.topic, receivedAt: 1, payload: record)
                    let object = try CoreRecording.json(envelope, setting.hub.form)
                    #expect(object["error"] is String, "\(cut) of \(vector.meaning)")
                    #expect(
                        object["payload_base64"] as? String
                            == Data(vector.payload.prefix(cut)).base64EncodedString())
                    #expect(object["redis_channel"] is String)
                }
                for cut in vector.record.indices {
                    let envelope = Reading.Envelope(
                        channel: setting.hub.topic, receivedAt: 1, payload: Array(vector.record.prefix(cut)))
                    #expect(try CoreRecording.json(envelope, setting.hub.form)["payload_base64"] is String)
                }
            }
        }
    }

    @Test func aChannelOfAnotherHubIsReportedAsSuch() throws {
        let hub = CoreHub(type: "A")
        let record = CoreRecord.bytes(channel: Array("Ax:all".utf8), payload: [0x92, 0x90, 0x80])
        let object = try CoreRecording.json(Reading.Envelope(channel: "A", receivedAt: 1, payload: record), hub.form)
        #expect((object["error"] as? String)?.contains("does not belong to the hub") == true)
    }

    /// MessagePack-CSharp compresses with LZ4 in one block or in several; both are reported, not treated as damage.
    @Test(arguments: [98, 99] as [Int8]) func compressedArgumentsAreShownAsSuch(type: Int8) throws {
        var message = MessagePackWriter()
        message.array(6)
        message.int(1)
        message.map(0)
        message.nil()
        message.string("Say")
        message.array(2)
        message.int(7)
        if type == MessagePackExtension.lz4BlockArray { message.array(1) }
        message.ext(type: type, [0xCE, 1, 2, 3, 4, 5])
        message.array(0)
        let frame = [UInt8(message.bytes.count)] + message.bytes
        let invocation = CoreInvocation(frames: [.init(protocolName: "messagepack", bytes: frame)])
        let hub = CoreHub(type: "A")
        let record = CoreRecord.bytes(
            channel: Array("A:all".utf8), payload: CorePayload.invocation(invocation).encoded())
        let object = try CoreRecording.json(Reading.Envelope(channel: "A", receivedAt: 1, payload: record), hub.form)
        let shown = try #require((object["messages"] as? [[String: Any]])?.first)
        #expect(object["error"] == nil && shown["method"] as? String == "Say")
        let arguments = try #require(shown["arguments"] as? [Any])
        #expect(arguments.first as? Int == 7)
        let compressed = arguments.last as? [String: Any]
        #expect(compressed?["compressed"] as? String == "lz4")
    }

    /// A crash leaves no summary; the next start and `recover` keep the channel's schema.
    @Test func recoveredSegmentsKeepTheirSchema() throws {
        let (directory, target) = (try TemporaryDirectory(), try TemporaryDirectory())
        _ = try CoreRecording.record(directory.path)
        let whole = try bytes(ofFile: directory.files[0])
        let path = directory.files[0]
        // In the middle of the summary.
        try write(whole.dropLast(40), toFile: path)
        let outcome = try CaptureRecovery.recover(path, into: target.path, at: .start)
        #expect(outcome.withoutSchema == 0 && outcome.messages >= 294)
        let recovered = try bytes(ofFile: target.files[0])
        #expect(String(decoding: recovered, as: UTF8.self).contains(CoreCapture.schemaName))
        #expect(try Reading(target.path).envelopes.count == 294)
        #expect(try Reading(target.path).damage.isEmpty)
    }

    @Test func twoRecordingsOfOneHubAreNotMixed() throws {
        let (first, second) = (try TemporaryDirectory(), try TemporaryDirectory())
        _ = try CoreRecording.record(first.path)
        _ = try CoreRecording.record(second.path)
        #expect(throws: CoreNotAligned.self) { try Reading(first.path, second.path) }
        let chat = try Reading(first.path, second.path, filter: CaptureSelection(channels: ["chat"]))
        #expect(chat.ids == (1...147).map { $0 })
    }

    @Test func countersContinueAcrossSegments() throws {
        let directory = try TemporaryDirectory()
        let hub = CoreHub(type: "A")
        var writer = CaptureWriter(
            configuration: .init(directory: directory.path, backplanes: [.core(hub)], durability: .never),
            source: testSource, previous: .init(), observer: WriterLog())
        var now = Moment.start
        for _ in 0..<3 {
            CoreRecord.bytes(channel: Array("A:all".utf8), payload: [0x92, 0x90, 0x80]).withUnsafeBytes {
                writer.append(channel: 0, id: nil, publishTime: nil, receivedAt: now.realtime, payload: $0, at: now)
            }
            now = now.after(milliseconds: 10)
            try writer.rotateNow(now)
        }
        try writer.close(now)
        var sequences: [UInt32] = []
        for file in directory.files.sorted() {
            let reader = MCAPStreamReader(try FileSource(path: file))
            while let item = try reader.next() {
                guard case .chunk(let chunk) = item else { continue }
                chunk.forEachMessage { (message: ChunkMessage) in
                    guard chunk.channels[message.channelID]?.hub == hub else { return }
                    #expect(message.publishTime == message.logTime)
                    sequences.append(message.sequence)
                }
            }
        }
        #expect(sequences == [1, 2, 3])
    }
}
