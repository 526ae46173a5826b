import Backplane
import MCAP
import Testing
import Time

@testable import Capture

@Suite struct CaptureWriterTests {
    // MARK: - Chunks

    /// Many channels make larger chunks.
    @Test(arguments: [(1, 262_144), (256, 262_144), (300, 307_200), (1_024, 1_048_576), (4_000, 1_048_576)])
    func aChunkIsFlushedBeforeItIsFull(channels: Int, limit: Int) throws {
        let directory = try TemporaryDirectory()
        let log = WriterLog()
        var writer = makeWriter(directory.path, channels: (1...channels).map { "chat-\($0)" }, log: log)
        let all = 1...UInt64(limit / 700)
        for id in all {
            let payload = payload(id, size: 1_000)
            if writer.wantsFlush(beforePayloadOf: payload.count) {
                #expect(writer.chunk.byteCount <= limit && writer.chunk.byteCount + payload.count > limit)
                try writer.flush(.start)
            }
            writer.append(payload, at: .start)
        }
        try writer.close(.start)
        let written = try chunks(in: try bytes(ofFile: directory.files[0]))
        #expect(written.flatMap(\.envelopes) == all.map { payload($0, size: 1_000) })
        #expect(written.count == 2)
        let first = written[0].envelopes.count
        #expect(log.chunks.map(\.envelopes) == [first, all.count - first])
        let total = all.reduce(0) { $0 + payload($1, size: 1_000).count }
        #expect(log.chunks.map(\.payloadBytes).reduce(0, +) == total)
    }

    @Test func anOversizedPayloadGetsItsOwnChunk() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        for payload in [payload(1), payload(2, size: 600_000), payload(3)] {
            if writer.wantsFlush(beforePayloadOf: payload.count) { try writer.flush(.start) }
            writer.append(payload, at: .start)
        }
        try writer.close(.start)
        let written = try chunks(in: try bytes(ofFile: directory.files[0]))
        #expect(written.map(\.envelopes.count) == [1, 1, 1])
        #expect(written[1].envelopes == [payload(2, size: 600_000)])
    }

    @Test func aChunkIsFlushedAtItsMaximumAge() throws {
        let directory = try TemporaryDirectory()
        let log = WriterLog()
        var writer = makeWriter(directory.path, log: log)
        #expect(writer.nextDeadline == nil)
        writer.append(payload(1), at: .start)
        writer.append(payload(2), at: Moment.start.after(milliseconds: 100))
        let due = Moment.start.monotonic + CaptureWriter.chunkAge
        #expect(writer.nextDeadline == due)
        try writer.tick(Moment(realtime: Moment.start.realtime, monotonic: due - 1))
        #expect(log.chunks.isEmpty)
        try writer.tick(Moment(realtime: Moment.start.realtime, monotonic: due))
        #expect(log.chunks.map(\.envelopes) == [2])
    }

    @Test func anEmptyFlushWritesNothing() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        try writer.flush(.start)
        try writer.tick(.start)
        try writer.close(.start)
        #expect(directory.names.isEmpty)
    }

    @Test(arguments: [Compression.none, .zstd(level: 1)]) func compression(_ compression: Compression) throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, compression: compression)
        try writer.close(try writer.record(1...50, from: .start))
        let written = try chunks(in: try bytes(ofFile: directory.files[0]))
        #expect(written.map(\.compression) == [compression == .none ? "" : "zstd"])
        #expect(written.flatMap(\.envelopes) == (1...50).map { payload($0) })
    }

    // MARK: - Times and ids

    @Test func logTimesNeverGoBack() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        let back = Moment(realtime: Moment.start.realtime - 3_600_000_000_000, monotonic: Moment.start.monotonic + 1)
        writer.append(payload(1), at: .start)
        writer.append(payload(2), at: back)
        writer.append(.clockStep(nanoseconds: -3_600_000_000_000), at: back)
        writer.append(payload(3), at: Moment.start.after(milliseconds: 5))
        try writer.close(back)
        let start = Moment.start.realtime
        // The last one is the segment's own event, created at the flush.
        #expect(
            try chunks(in: try bytes(ofFile: directory.files[0])).flatMap(\.logTimes)
                == [start, start, start, start + 5_000_000, start + 5_000_000])
        #expect(try Reading(directory.path).damage == [])
    }

    @Test func sequenceAndPublishTime() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        let cases: [(id: UInt64?, published: UInt64?, sequence: UInt32, publishTime: UInt64)] = [
            (7, 1_234, 7, 1_234), (nil, nil, 0, Moment.start.realtime), (1 << 32 + 5, 99, 5, 99),
        ]
        for (id, published, _, _) in cases {
            payload(1).withUnsafeBytes {
                writer.append(
                    channel: 0, id: id, publishTime: published, receivedAt: Moment.start.realtime, payload: $0,
                    at: .start)
            }
        }
        try writer.close(.start)
        var found: [(UInt32, UInt64)] = []
        let reader = MCAPStreamReader(MemorySource(try bytes(ofFile: directory.files[0])))
        while let item = try reader.next() {
            guard case .chunk(let chunk) = item else { continue }
            chunk.forEachMessage { (message: ChunkMessage) in
                if message.channelID == 1 { found.append((message.sequence, message.publishTime)) }
            }
        }
        #expect(found.map(\.0) == cases.map(\.sequence))
        #expect(found.map(\.1) == cases.map(\.publishTime))
    }

    @Test func channelsKeepTheirNames() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, channels: ["chat", "game"])
        writer.append(payload(1), channel: 1, at: .start)
        writer.append(payload(2), channel: 0, at: .start)
        writer.append(.duplicate(channel: "game", id: 1), at: .start)
        try writer.close(.start)
        let reading = try Reading(directory.path)
        #expect(reading.envelopes.map(\.channel) == ["game", "chat"])
        #expect(reading.events.map(\.event) == ["duplicate", "segment"])
    }

    // MARK: - Metadata

    @Test func aSegmentIsSelfContained() throws {
        let directory = try TemporaryDirectory()
        let previous = CaptureDirectory.Previous(segment: "old.mcap", lastIDs: ["chat": 41, "elsewhere": 9])
        var writer = makeWriter(directory.path, channels: ["chat", "game"], previous: previous)
        let recordingID = writer.segments.recordingID ?? ""
        #expect(!recordingID.isEmpty)
        try writer.connected(runID: "a1", redisVersion: "7.2.4", at: .start)
        writer.append(.gap(channel: "chat", from: 42, to: 43, cause: .notRecording), at: .start)
        let end = try writer.record(44...46, from: .start)
        writer.append(.gap(channel: "chat", from: 47, to: 49, cause: .connectionLost), at: end)
        writer.append(.dropped(channel: "chat", envelopes: 1, bytes: 3, reason: "write_error", ids: 50...50), at: end)
        writer.append(.dropped(channel: nil, envelopes: 1, bytes: 3, reason: "buffer_full"), at: end)
        try writer.close(end, .stopped(checkedIDs: ["game": 0]))
        let file = try bytes(ofFile: directory.files[0])
        #expect(
            try metadata("capture", in: file) == [
                "relay_version": "1.2.3", "host": "recorder-1", "redis": "redis.example:6379", "run_id": "a1",
                "redis_version": "7.2.4", "channels": #"["chat","game"]"#,
                "started_at": "2026-11-22T21:41:00.000000000Z", "last_ids": #"{"chat":41}"#,
                "previous_segment": "old.mcap", "payload": "full", "recording_id": recordingID,
            ])
        #expect(
            try metadata("capture.end", in: file) == [
                "ended_at": "2026-11-22T21:41:00.003000000Z", "envelopes": "3",
                "bytes": "\((44...46).reduce(0) { $0 + payload($1).count })", "first_ids": #"{"chat":44}"#,
                "last_ids": #"{"chat":50}"#, "ending": "stopped", "checked_ids": #"{"game":0}"#,
                "missing":
                    #"[{"channel":"chat","from":42,"to":43},{"channel":"chat","from":47,"to":49},{"channel":"chat","from":50,"to":50}]"#,
            ])
    }

    @Test func theListOfMissingRangesIsBounded() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        try writer.record(1...1, from: .start)
        for id in 1...1_001 as ClosedRange<UInt64> {
            writer.append(.gap(channel: "chat", from: id * 2, to: id * 2, cause: .unknown), at: .start)
        }
        try writer.close(.start)
        let end = try #require(try metadata("capture.end", in: try bytes(ofFile: directory.files[0])))
        #expect(end["missing_truncated"] == "true")
        #expect(try #require(end["missing"]).hasSuffix(#"{"channel":"chat","from":2000,"to":2000}]"#))
    }

    // MARK: - Durability

    static let durabilities: [(Durability, syncs: Int)] = [
        (.never, 0), (.interval(nanoseconds: 1_000_000_000), 2), (.eachFlush, 4),
    ]

    /// Three flushes 0.4 s apart, then the close: with `interval` one sync at 1 s and one at the close.
    @Test(arguments: durabilities) func durability(_ durability: Durability, syncs: Int) throws {
        let directory = try TemporaryDirectory()
        let log = WriterLog()
        var writer = makeWriter(directory.path, durability: durability, log: log)
        for step in 0..<3 as Range<UInt64> {
            let now = Moment.start.after(milliseconds: step * 400)
            writer.append(payload(step + 1), at: now)
            try writer.flush(now)
            try writer.tick(now)
        }
        try writer.tick(Moment.start.after(milliseconds: 1_000))
        try writer.tick(Moment.start.after(milliseconds: 1_001))
        try writer.close(Moment.start.after(milliseconds: 1_100))
        #expect(log.syncs == syncs)
    }

    @Test func theDeadlineOfASyncIsKnown() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, durability: .interval(nanoseconds: 700_000_000))
        let flushed = try writer.record(1...1, from: .start)
        #expect(writer.nextDeadline == flushed.monotonic + 700_000_000)
    }
}
