import FuzzSupport
import TestSupport

@testable import MCAP

/// Files of three kinds; the first byte decides: random bytes; random bytes with corrected checksums, so that hostile
/// lengths get past them; and own recordings with a few bytes changed, deleted or duplicated.
@main
enum FuzzMCAP {
    private static let limits = ReadLimits(maximumRecordSize: 1 << 20, maximumChunkSize: 1 << 20, maximumDamages: 100)

    static func main() {
        _ = recordings
        Fuzzer.run { start, count in
            var input = InputReader(start, count)
            let kind = input.byte()
            switch kind % 3 {
            case 0: FuzzMCAP.checkFile(Array(input.rest()), by: kind / 3)
            case 1: FuzzMCAP.checkFile(ChecksumRepair.repaired(Array(input.rest())), by: kind / 3)
            default: FuzzMCAP.checkEdits(&input)
            }
            return 0
        }
    }

    private static func must<Result>(_ body: () throws -> Result) -> Result {
        do { return try body() } catch { Fuzzer.fail("bytes in memory throw \(error)") }
    }

    // MARK: - Any file

    /// - Parameter reader: each input is read as a stream and in one other way, to process more inputs.
    private static func checkFile(_ bytes: [UInt8], by reader: UInt8) {
        let reading = must { try Reading(bytes, limits: limits) }
        Fuzzer.check(reading.ending != nil, "no end")
        for damage in reading.damages {
            Fuzzer.check(damage.offset <= UInt64(bytes.count), "damage beyond the file: \(damage)")
        }
        switch reader % 5 {
        case 4: checkStream(bytes, reading)
        case 0: checkResuming(bytes, reading)
        case 1: checkIndexed(bytes, reading)
        case 2: checkCopies(bytes, reading)
        default: _ = must { try Reading(bytes, limits: limits, tailMayGrow: true) }
        }
    }

    /// A pipe that returns a few bytes at a time.
    private static func checkStream(_ bytes: [UInt8], _ reading: Reading) {
        var rest = bytes[...]
        let source = StreamSource { buffer in
            let piece = rest.prefix(min(buffer.count, 37))
            rest = rest.dropFirst(piece.count)
            buffer.copyBytes(from: piece)
            return piece.count
        }
        let streamed = must { try Reading(source, limits: limits) }
        Fuzzer.check(streamed.ending != nil, "no end")
        if reading.damages.isEmpty {
            Fuzzer.check(
                streamed.messages == reading.messages && streamed.damages.isEmpty,
                "whole as a file, but as a stream \(streamed.damages)")
        }
    }

    private static func checkIndexed(_ bytes: [UInt8], _ reading: Reading) {
        guard let reader = try? MCAPIndexedReader(MemorySource(bytes), limits: limits) else { return }
        var messages: [TestMessage] = []
        var isWhole = true
        for index in reader.chunkIndexes.prefix(100) {
            do { messages += try reader.read(index).messages } catch { isWhole = false }
        }
        for index in reader.metadataIndexes.prefix(100) {
            do { _ = try reader.read(index) } catch { isWhole = false }
        }
        if reading.ending == .closed, reading.damages.isEmpty, reading.isMarked {
            Fuzzer.check(isWhole, "whole when streamed, but not by its summary")
            Fuzzer.check(messages == reading.messages, "by summary \(messages), streamed \(reading.messages)")
        }
    }

    /// An unclosed file is closed, and must then be complete.
    private static func checkResuming(_ bytes: [UInt8], _ reading: Reading) {
        let report = must { try Recovery.scan(MemorySource(bytes), limits: limits) }
        Fuzzer.check(report.damages == reading.damages, "\(report.damages) scanned, \(reading.damages) streamed")
        Fuzzer.check(report.messageCount == UInt64(reading.messages.count), "\(report.messageCount) messages scanned")
        guard var writer = try? MCAPWriter(resuming: report, compression: .none) else { return }
        let known = Set(report.channels.map(\.id))
        guard let id = (1...UInt16.max).first(where: { !known.contains($0) }) else { return }
        var file = Array(bytes.prefix(Int(writer.trailerOffset)))
        var builder = ChunkBuilder()
        builder.register(Channel(id: id, topic: "added", messageEncoding: "raw"))
        let added = TestMessage(channelID: id, sequence: 1, logTime: 2, publishTime: 3, data: [4])
        builder.append([added])
        writer.encodeChunk(builder)
        file.write(writer.output, at: writer.outputOffset)
        writer.commit()
        writer.encodeEnd(metadata: [])
        file.write(writer.output, at: writer.outputOffset)
        writer.commit()
        let resumed = must { try Reading(file, limits: limits) }
        Fuzzer.check(
            resumed.damages.isEmpty && resumed.ending == .closed,
            "resumed: \(resumed.damages), before: \(reading.damages)")
        let before = reading.chunks.flatMap(\.messages)
        Fuzzer.check(resumed.messages == before + [added], "\(before) became \(resumed.messages)")
    }

    /// The work of `recover`.
    private static func checkCopies(_ bytes: [UInt8], _ reading: Reading) {
        guard !reading.chunks.isEmpty else { return }
        var writer = MCAPWriter(header: Recording.header, sync: Recording.sync, compression: .none)
        var file: [UInt8] = []
        writer.encodeStart(metadata: [])
        file.write(writer.output, at: 0)
        writer.commit()
        var copied: [TestMessage] = []
        must {
            let reader = MCAPStreamReader(MemorySource(bytes), limits: limits)
            while let item = try reader.next() {
                guard case .chunk(let chunk) = item, chunk.messageCount > 0 else { continue }
                do {
                    try writer.encodeCopy(of: chunk)
                } catch {
                    continue
                }
                file.write(writer.output, at: writer.outputOffset)
                writer.commit()
                copied += chunk.messages
            }
        }
        writer.encodeEnd(metadata: [])
        file.write(writer.output, at: writer.outputOffset)
        writer.commit()
        let copy = must { try Reading(file, limits: limits) }
        Fuzzer.check(copy.damages.isEmpty && copy.ending == .closed, "copied: \(copy.damages)")
        Fuzzer.check(copy.messages == copied, "\(copied) became \(copy.messages)")
    }

    // MARK: - Own files, damaged

    private static let recordings: [Recording] = [(2, 2, 1...20), (3, 1, 0...100)].flatMap { count, each, sizes in
        let chunks = TestMessage.chunks(count, messagesEach: each, dataSize: sizes, seed: 7)
        return [Compression.none, .zstd(level: 1)].flatMap { compression in
            [false, true].map { Recording(chunks, compression: compression, closed: $0) }
        }
    }
    private static let originals = recordings.map { recording in must { try Reading(recording.bytes) } }

    /// Never a message that is not in the original: after two changed bytes a CRC-32 is correct with a probability of
    /// one in four thousand million.
    private static func checkEdits(_ input: inout InputReader) {
        let index = Int(input.byte()) % recordings.count
        let recording = recordings[index]
        var bytes = recording.bytes
        var changes = 0
        var isMoved = false
        for _ in 0..<8 where input.remaining > 0 && !bytes.isEmpty {
            let edit = input.byte()
            let offset = Int(input.uint16()) % bytes.count
            switch edit % 6 {
            case 4:
                isMoved = true
                bytes += recordings[Int(input.byte()) % recordings.count].bytes
            case 5:
                isMoved = true
                bytes.insert(contentsOf: (0..<Int(input.byte())).map { _ in input.byte() }, at: offset)
            case 0, 1:
                guard changes < 2 else { continue }
                changes += 1
                bytes[offset] ^= max(1, input.byte())
            case 2:
                isMoved = true
                bytes.removeSubrange(offset..<min(bytes.count, offset + 1 + Int(input.uint16() % 1024)))
            default:
                isMoved = true
                let end = min(bytes.count, offset + 1 + Int(input.uint16() % 1024))
                bytes.insert(contentsOf: bytes[offset..<end], at: end)
            }
        }
        let reading = must { try Reading(bytes, limits: limits) }
        for chunk in reading.chunks {
            Fuzzer.check(
                recordings.contains { $0.chunks.contains(chunk.messages) }, "wrong data as good: \(chunk.messages)")
        }
        for (one, other) in zip(reading.chunks, reading.chunks.dropFirst()) {
            Fuzzer.check(one.offset < other.offset, "back from \(one.offset) to \(other.offset)")
        }
        if let reader = try? MCAPIndexedReader(MemorySource(bytes), limits: limits) {
            for chunk in reader.chunkIndexes {
                guard let messages = try? reader.read(chunk).messages else { continue }
                Fuzzer.check(
                    recordings.contains { $0.chunks.contains(messages) }, "wrong data as good: \(messages)")
            }
        }
        guard !isMoved, reading.damages.isEmpty else { return }
        let original = originals[index]
        Fuzzer.check(
            reading.messages == original.messages && reading.header == original.header
                && reading.metadata == original.metadata && reading.ending == original.ending,
            "a change was not noticed: \(reading)")
    }
}

extension Reading {
    /// Whether the file was written here: others may omit chunks from their summary.
    fileprivate var isMarked: Bool { header?.profile == "signalr-backplane" }
}
