import Backplane
import Foundation
import MCAP
import Testing
import Time

@testable import Capture

/// The directory to write captures into; nil in an ordinary test run.
private let goldenDirectory = ProcessInfo.processInfo.environment["GOLDEN"]

/// Writes the captures of `Golden`, one directory per kind, in this version's format: the same bytes each time, except
/// for the sync marker, which is unique to each file. Run by hand, see `Golden/write`; `IntegrationTests.GoldenTests` reads
/// them.
@Suite(.enabled(if: goldenDirectory != nil)) struct GoldenCaptureTests {
    func path(_ kind: String) throws -> String {
        let path = try #require(goldenDirectory) + "/" + kind
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    func writer(
        _ kind: String, channels: [String] = ["chat"], compression: Compression = .zstd(level: 1),
        rotation: RotationPolicy = RotationPolicy(), source: CaptureSource = testSource
    ) throws -> CaptureWriter {
        var writer = makeWriter(
            try path(kind), channels: channels, compression: compression, rotation: rotation, source: source)
        writer.segments.recordingID = kind
        return writer
    }

    /// - Parameter directory: of the new segments; nil for that of the kind.
    func writer(
        _ kind: String, backplanes: [BackplaneChannel], source: CaptureSource = testSource,
        into directory: String? = nil
    ) throws -> CaptureWriter {
        var writer = CaptureWriter(
            configuration: .init(
                directory: try directory ?? path(kind), backplanes: backplanes, durability: .never),
            source: source, previous: .init(), observer: WriterLog())
        writer.segments.recordingID = kind
        return writer
    }

    @Test func channels() throws {
        let names = [
            "chat", "a b", "größer/ü", "zo\u{E9}", "zoe\u{301}", "ROOM", "room", "tab\there", "esc\u{1B}[31m",
            "{json}\"",
            String(repeating: "long", count: 60),
        ]
        var writer = try writer("channels", channels: names)
        var now = Moment.start
        for channel in names.indices { now = try writer.record(1...2, channel: channel, from: now) }
        let last = names.map { ($0, UInt64(2)) }
        try writer.close(now, .stopped(checkedIDs: OrdinalNameMap(last)))
    }

    @Test func events() throws {
        var writer = try writer("events", channels: ["chat", "news"])
        var now = Moment.start
        writer.append(.subscribed(runID: "a1", redisVersion: "7.2.4"), at: now)
        var id: UInt64 = 1
        for cause in GapCause.allCases {
            now = try writer.record(id...id + 1, from: now)
            writer.append(.gap(channel: "chat", from: id + 2, to: id + 3, cause: cause), at: now)
            id += 4
        }
        now = try writer.record(id...id, from: now)
        writer.append(.disconnected(cause: "closed"), at: now)
        writer.append(.subscribed(runID: "b2", redisVersion: "8.0.0"), at: now)
        writer.append(.duplicate(channel: "chat", id: id), at: now)
        now = try writer.record(id...id, from: now)
        writer.append(.counterReset(channel: "chat", from: id, to: 1), at: now)
        now = try writer.record(1...3, from: now)
        writer.append(.dropped(channel: "chat", envelopes: 2, bytes: 70, reason: "intake_full", ids: 4...5), at: now)
        writer.append(.dropped(channel: nil, envelopes: 1, bytes: 9, reason: "disk"), at: now)
        writer.append(.clockStep(nanoseconds: -2_000_000_000), at: now)
        writer.append(.clockStep(nanoseconds: 3_600_000_000_000), at: now)
        var tally = ChannelTally()
        for lost in 6...8 as ClosedRange<UInt64> { tally.add(id: lost, bytes: 30) }
        for cause in SegmentLoss.Cause.allCases {
            for event in CaptureEvent.lost(channel: "chat", tally, cause: cause, segment: "old.mcap") {
                writer.append(event, at: now)
            }
        }
        writer.append(.recordingPaused(free: 1_000), at: now)
        writer.append(.recordingResumed(free: 9_000_000_000), at: now)
        writer.append(.demoted(master: "redis-2.example:6379"), at: now)
        writer.append(.promoted(), at: now)
        writer.append(.interleaved(channel: "news", counters: 2, databases: [0: 12, 1: 7]), at: now)
        writer.append(.interleaved(channel: "news", counters: 2, databases: nil), at: now)
        now = try writer.record([9, 3, 10, 4], channel: 1, from: now)
        for reason in [RecordingDoubt.Reason.counterNotPermitted, .redisAway, .counterReset, .diskLow] {
            writer.append(
                .mayBeMissing(channel: "news", RecordingDoubt(after: 10, reason: reason, cause: "connection_lost")),
                at: now)
        }
        writer.append(CaptureEvent(event: "of_a_later_version", channel: "chat"), at: now)
        try writer.close(now, .stopped(checkedIDs: ["chat": 8]))
    }

    @Test func oddEnvelopes() throws {
        var writer = try writer("odd-envelopes")
        var now = Moment.start
        let payloads: [[UInt8]] = [
            [], Array(" ".utf8), Array("7".utf8), Array("x 1".utf8), Array("+8 ".utf8),
            Array("99999999999999999999 ".utf8),
            Array(payload(9).dropLast(3)), payload(10) + [1, 2, 3], [0xFF, 0xFE, 0], Array("PING".utf8),
        ]
        for bytes in payloads + (try realEnvelopes()) {
            writer.append(bytes, at: now)
            now = now.after(milliseconds: 1)
        }
        try writer.flush(now)
        try writer.close(now)
    }

    /// Payloads of real nodes, including odd ones.
    private func realEnvelopes() throws -> [[UInt8]] {
        struct Line: Decodable { let payload: Data }
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = tests.appending(path: "BackplaneTests/Vectors/real-nodes/envelopes.jsonl")
        return try Data(contentsOf: file).split(separator: UInt8(ascii: "\n")).map {
            Array(try JSONDecoder().decode(Line.self, from: $0).payload)
        }
    }

    @Test(arguments: [("stored", Compression.none), ("zstd", .zstd(level: 3))])
    func compression(_ kind: String, _ compression: Compression) throws {
        var writer = try writer(kind, compression: compression)
        let now = try writer.record(1...5, from: writer.record(6...9, from: .start))
        try writer.close(now)
    }

    @Test func rotation() throws {
        var writer = try writer("rotation", rotation: RotationPolicy(segmentSize: 2_000))
        var now = Moment.start
        for first in stride(from: 1, to: 60, by: 10) as StrideTo<UInt64> {
            now = try writer.record(first...first + 9, size: 40, from: now).after(milliseconds: 50)
        }
        // Another server process starts a new segment.
        try writer.connected(runID: "b2", redisVersion: "8.0.0", at: now)
        now = try writer.record(61...64, from: now)
        try writer.close(now)
    }

    /// As left by a killed relay.
    @Test func open() throws {
        var writer = try writer("open")
        try writer.record(4...6, from: writer.record(1...3, from: .start))
    }

    @Test func large() throws {
        var writer = try writer("large")
        var now = try writer.record(1...2, from: .start)
        now = try writer.record(3...3, size: 400_000, from: now)
        now = try writer.record(4...4, from: now)
        try writer.close(now)
    }

    @Test(arguments: PayloadMode.allCases) func payloadMode(_ mode: PayloadMode) throws {
        var source = testSource
        source.payload = mode
        source.redactedKeys = ["password"]
        var writer = try writer("payload-\(mode.rawValue)", source: source)
        let now = try writer.record(1...3, from: .start)
        try writer.close(now)
    }

    @Test(arguments: [
        "cut", "flipped", "shifted", "head-lost", "chunk-lost", "twice", "marker-lost", "summary-lost",
    ])
    func damaged(_ kind: String) throws {
        let whole = try smallSegment(kind == "flipped" ? .none : .zstd(level: 1), closed: true)
        let placed = try chunks(in: whole.bytes)
        let middle = Int(placed[1].end)
        var bytes = whole.bytes
        switch kind {
        case "cut": bytes.removeSubrange((middle + 60)...)
        case "flipped": bytes[middle - 20] ^= 0x10
        case "shifted": bytes.insert(contentsOf: repeatElement(0x2A, count: 25), at: middle - 40)
        case "head-lost": bytes.removeSubrange(..<100)
        case "chunk-lost": bytes.removeSubrange(Int(placed[0].end)..<middle)
        case "twice": bytes += whole.bytes
        case "marker-lost": bytes.replaceSubrange(middle + 60..<middle + 90, with: repeatElement(0, count: 30))
        default: bytes[bytes.count - 60] ^= 1
        }
        try write(bytes, toFile: path("damaged-\(kind)") + "/" + whole.name)
    }
}
