import MCAP
import Testing
import Time

@testable import Capture

@Suite struct CaptureWriterRotationTests {
    @Test func bySize() throws {
        let directory = try TemporaryDirectory()
        let log = WriterLog()
        var writer = makeWriter(
            directory.path, compression: .none, rotation: RotationPolicy(segmentSize: 20_000), log: log)
        var now = Moment.start
        for first in stride(from: 1 as UInt64, to: 100, by: 10) {
            now = try writer.record(first...first + 9, size: 500, from: now)
        }
        try writer.close(now)
        #expect(directory.names.count > 2)
        #expect(log.segments.sorted() == directory.files)
        for file in directory.files.dropLast() {
            let size = try bytes(ofFile: file).count
            #expect(size >= 20_000 && size < 40_000)
        }
        let reading = try Reading(directory.path)
        #expect(reading.ids == (1...100).map { UInt64($0) })
        #expect(reading.damage == [])
        #expect(Set(reading.states) == [.closed])
        try expectChain(directory, reading)
    }

    /// Each segment names its predecessor, in its event and in its metadata, and starts where that one ended.
    private func expectChain(_ directory: TemporaryDirectory, _ reading: Reading) throws {
        let names = directory.names
        let previous = [nil] + names.dropLast()
        let events = reading.events.filter { $0.event == "segment" }
        #expect(events.map(\.segment) == names)
        #expect(events.map(\.previous) == previous)
        var lastIDs: String? = "{}"
        for (file, before) in zip(directory.files, previous) {
            let start = try #require(try metadata("capture", in: try bytes(ofFile: file)))
            #expect(start["previous_segment"] == before)
            #expect(start["last_ids"] == lastIDs)
            lastIDs = try metadata("capture.end", in: try bytes(ofFile: file))?["last_ids"]
        }
    }

    /// Data kept in memory until the end of a segment is bounded too.
    @Test func bySizeOfTheIndex() throws {
        let directory = try TemporaryDirectory()
        var rotation = RotationPolicy()
        rotation.indexSize = 500
        var writer = makeWriter(directory.path, rotation: rotation)
        var now = Moment.start
        for id in 1...50 as ClosedRange<UInt64> {
            writer.append(payload(id), at: now)
            now = now.after(milliseconds: 200)
            try writer.tick(now)
        }
        try writer.close(now)
        // The index of a chunk with one or two channels has less than 100 bytes.
        #expect((7...12).contains(directory.names.count), "\(directory.names.count)")
        let reading = try Reading(directory.path)
        #expect(reading.ids == (1...50).map { UInt64($0) })
        #expect(reading.damage == [] && Set(reading.states) == [.closed])
        try expectChain(directory, reading)
    }

    @Test func byDuration() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, rotation: RotationPolicy(segmentDuration: 60_000_000_000))
        let flushed = try writer.record(1...3, from: .start)
        #expect(writer.nextDeadline == flushed.monotonic + 60_000_000_000)
        try writer.tick(flushed.after(milliseconds: 59_999))
        #expect(directory.names.count == 1)
        try writer.tick(flushed.after(milliseconds: 60_000))
        #expect(directory.names.count == 2)
        try writer.close(flushed.after(milliseconds: 60_001))
        let reading = try Reading(directory.path)
        #expect(reading.ids == [1, 2, 3])
        #expect(reading.states == [.closed, .closed])
        try expectChain(directory, reading)
    }

    @Test func aSegmentWithoutEnvelopesIsNotRotated() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, rotation: RotationPolicy(segmentSize: 1, segmentDuration: 1))
        try writer.connected(runID: "a1", redisVersion: nil, at: .start)
        for minute in 1...10 as ClosedRange<UInt64> {
            try writer.tick(Moment.start.after(milliseconds: minute * 60_000))
        }
        try writer.close(Moment.start.after(milliseconds: 1_000_000))
        #expect(directory.names.count == 1)
    }

    @Test func twoSegmentsInOneMillisecondGetDifferentNames() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, rotation: RotationPolicy(segmentSize: 1))
        for id in 1...3 as ClosedRange<UInt64> {
            writer.append(payload(id), at: .start)
            try writer.flush(.start)
        }
        try writer.close(.start)
        #expect(
            directory.names == (0...3).map { "chat-20261122T214100.00\($0)Z.mcap" })
        #expect(try Reading(directory.path).ids == [1, 2, 3])
    }

    @Test func anotherServerStartsANewSegment() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, source: CaptureSource(relayVersion: "1", host: "h", redis: "r:1"))
        try writer.connected(runID: "a", redisVersion: "7", at: .start)
        let first = try writer.record(1...2, from: .start)
        try writer.connected(runID: "a", redisVersion: "7", at: first)
        #expect(directory.names.count == 1)
        writer.append(payload(3), at: first)
        try writer.connected(runID: "b", redisVersion: "8", at: first.after(milliseconds: 10))
        #expect(directory.names.count == 2)
        try writer.close(try writer.record(1...1, from: first.after(milliseconds: 20)))
        #expect(try CaptureReader(paths: [directory.path]).sources().map(\.runID) == ["a", "b"])
        #expect(try CaptureReader(paths: [directory.path]).sources().map(\.redisVersion) == ["7", "8"])
        #expect(try Reading(directory.files[0]).ids == [1, 2, 3])
        #expect(try Reading(directory.files[1]).ids == [1])
    }

    @Test func theWriterCanContinueAfterAClose() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        try writer.close(try writer.record(1...2, from: .start))
        let later = Moment.start.after(milliseconds: 50)
        try writer.close(try writer.record(3...4, from: later))
        let reading = try Reading(directory.path)
        #expect(reading.ids == [1, 2, 3, 4])
        try expectChain(directory, reading)
    }
}

@Suite struct RotationPolicyTests {
    struct Case: Sendable {
        var size: UInt64 = 0
        var indexSize = 0
        var age: UInt64 = 0
        var isDue: Bool
    }

    static let cases = [
        Case(isDue: false), Case(size: 999, indexSize: 99, age: 59, isDue: false), Case(size: 1_000, isDue: true),
        Case(size: 1_001, age: 59, isDue: true), Case(age: 60, isDue: true), Case(indexSize: 100, isDue: true),
        Case(size: 5_000, indexSize: 500, age: 500, isDue: true),
    ]

    @Test(arguments: cases) func isDue(_ testCase: Case) {
        var policy = RotationPolicy(segmentSize: 1_000, segmentDuration: 60)
        policy.indexSize = 100
        #expect(
            policy.isDue(size: testCase.size, indexSize: testCase.indexSize, age: testCase.age) == testCase.isDue)
    }

    @Test func defaultsAreAQuarterGigabyteOrAnHour() {
        let policy = RotationPolicy()
        #expect(policy.segmentSize == 268_435_456)
        #expect(policy.segmentDuration == 3_600_000_000_000)
        // Including the record that exceeds the limit, it is below 16 MiB.
        #expect(policy.indexSize == 15_728_640)
    }
}
