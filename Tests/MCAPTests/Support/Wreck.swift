import Foundation
import TestSupport

@testable import MCAP

/// Two files, the changes to the bytes of the first, and the chunks that must be found.
struct Wreck {
    /// A chunk as it was written.
    struct Whole {
        let bytes: [UInt8]
        let messages: [TestMessage]
        /// The marker before it; nil in a file of another program.
        let marker: [UInt8]?
        /// Message indexes after it: enough to recognize it by them.
        let index: [UInt8]
        /// Its file up to and including the chunk.
        let head: [UInt8]
    }

    private(set) var bytes: [UInt8]
    private(set) var history: [String]
    private let files: [[UInt8]]
    private let chunks: [Whole]
    private let markers: [[UInt8]]
    /// The first bytes of a record of the two files that does not stand within chunks.
    private let openings: Set<[UInt8]>
    private var areMessagesChanged = false

    init(_ random: inout SplitMix64) {
        var files: [[UInt8]] = []
        var chunks: [Whole] = []
        history = []
        for number in 0..<2 {
            let contents = TestMessage.chunks(
                .random(in: 1...5, using: &random), messagesEach: .random(in: 1...6, using: &random), dataSize: 0...60,
                seed: .random(in: 0...UInt64.max, using: &random))
            let isOurs = Bool.random(using: &random)
            if isOurs {
                let recording = Recording(
                    contents, compression: Bool.random(using: &random) ? .none : .zstd(level: 1),
                    closed: Bool.random(using: &random),
                    sync: SyncMarker(first: .random(in: 0...UInt64.max, using: &random), second: UInt64(number)),
                    channels: number == 0 ? TestMessage.channels : TestMessage.otherChannels)
                files.append(recording.bytes)
                chunks += Self.chunks(of: recording.bytes, recording.chunkRanges, contents, isMarked: true)
                history.append("ours \(recording.chunkRanges) of \(recording.bytes.count)")
            } else {
                let style = ForeignRecording.Style(
                    packing: ForeignRecording.Packing.allCases.randomElement(using: &random) ?? .stored,
                    hasIndexes: Bool.random(using: &random), isClosed: Bool.random(using: &random))
                let recording = ForeignRecording(
                    contents, style, channels: number == 0 ? ForeignRecording.channels : TestMessage.otherChannels)
                files.append(recording.bytes)
                chunks += Self.chunks(of: recording.bytes, recording.chunkRanges, contents, isMarked: false)
                history.append("\(style) \(recording.chunkRanges) of \(recording.bytes.count)")
            }
        }
        self.files = files
        self.chunks = chunks
        bytes = files[0]
        markers = files.flatMap { file in
            Self.records(of: file).map { Array(file[$0]) }.filter { $0[0] == Opcode.marker.rawValue }
        }
        openings = Set(
            files.flatMap { file in
                // A chunk that is the payload of a message may be followed by the description of another channel.
                Self.records(of: file).map { file[$0] }.filter { $0.first != Opcode.channel.rawValue }
                    .map(Self.opening)
            })
    }

    private static func chunks(
        of bytes: [UInt8], _ ranges: [Range<Int>], _ contents: [[TestMessage]], isMarked: Bool
    ) -> [Whole] {
        zip(ranges, contents).map { range, messages in
            Whole(
                bytes: Array(bytes[range]), messages: messages,
                marker: isMarked ? Array(bytes[range.lowerBound - Marker.recordSize..<range.lowerBound]) : nil,
                index: Array(bytes[range.upperBound...].prefix(31)), head: Array(bytes[..<range.lowerBound]))
        }
    }

    /// Of a data end only its framing: its checksum is that of other bytes, so that a data end with another one is as
    /// valid a record.
    private static func opening(of record: ArraySlice<UInt8>) -> [UInt8] {
        Array(record.prefix(record.first == Opcode.dataEnd.rawValue ? Layout.recordHeader : 53))
    }

    private static func records(of bytes: [UInt8]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var position = Layout.magic.count
        while position + Layout.recordHeader <= bytes.count {
            let length = bytes[position + 1..<position + 9].reversed().reduce(0) { $0 << 8 | Int($1) }
            let end = position + Layout.recordHeader + length
            ranges.append(position..<end)
            position = end
            if bytes[ranges[ranges.count - 1].lowerBound] == Opcode.footer.rawValue { break }
        }
        return ranges
    }

    // MARK: - Damage

    mutating func damage(_ random: inout SplitMix64) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let size = [1, 7, 60, 400].randomElement(using: &random).map { Int.random(in: 1...$0, using: &random) } ?? 1
        let end = min(place + size, bytes.count)
        let garbage = (0..<size).map { _ in
            Bool.random(using: &random)
                ? UInt8.random(in: 0...255, using: &random) : [0, 6, 0x80, 0x89, 40].randomElement(using: &random) ?? 0
        }
        switch Int.random(in: 0..<13, using: &random) {
        case 0, 1:
            history.append("inserted \(size) at \(place)")
            bytes.insert(contentsOf: garbage, at: place)
        case 2, 3:
            history.append("removed \(place)..<\(end)")
            bytes.removeSubrange(place..<end)
        case 4:
            history.append("zeroed \(place)..<\(end)")
            for index in place..<end { bytes[index] = 0 }
            areMessagesChanged = true
        case 5:
            history.append("flipped \(place)")
            if place < bytes.count { bytes[place] ^= .random(in: 1...255, using: &random) }
            areMessagesChanged = true
        case 6:
            history.append("cut at \(place)")
            bytes.removeSubrange(place...)
        case 7:
            history.append("first \(place) bytes gone")
            bytes.removeSubrange(..<place)
        case 8:
            history.append("the other file behind it")
            bytes += files[1]
        case 9:
            history.append("the other file before it")
            bytes = files[1] + bytes
        case 10:
            history.append("in \(size) bytes of garbage")
            bytes = garbage + bytes + garbage.reversed()
        case 11:
            history.append("doubled \(place)..<\(end)")
            bytes.insert(contentsOf: bytes[place..<end], at: end)
            areMessagesChanged = true
        default: swap(&random)
        }
        keepChecksums()
    }

    /// A checksum of 0 says that a chunk has none: nobody could tell whether its messages are those that were written.
    private mutating func keepChecksums() {
        let checksum = 33
        for chunk in chunks {
            for place in bytes.places(of: Array(chunk.bytes.prefix(Layout.recordHeader))) {
                let field = place + checksum..<place + checksum + 4
                if field.upperBound <= bytes.count, bytes[field].allSatisfy({ $0 == 0 }) { bytes[field.lowerBound] = 1 }
            }
        }
    }

    private mutating func swap(_ random: inout SplitMix64) {
        let cuts = (0..<4).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
        history.append("swapped \(cuts[0])..<\(cuts[1]) and \(cuts[2])..<\(cuts[3])")
        let head = Array(bytes[..<cuts[0]] + bytes[cuts[2]..<cuts[3]])
        bytes = head + bytes[cuts[1]..<cuts[2]] + bytes[cuts[0]..<cuts[1]] + bytes[cuts[3]...]
        areMessagesChanged = true
    }

    // MARK: - Expectation

    func failures() throws -> [String] {
        let reading = try Reading(bytes)
        var failures: [String] = []
        let places = chunks.map { bytes.places(of: $0.bytes) }
        var counts = Array(repeating: 0, count: chunks.count)
        var last = -1
        for chunk in reading.chunks {
            if chunk.offset <= last { failures.append("place \(chunk.offset) behind \(last)") }
            last = chunk.offset
            if let index = chunks.firstIndex(where: { $0.messages == chunk.messages }) {
                counts[index] += 1
            } else if !areLoose(chunk.messages, at: chunk.offset) {
                failures.append("invented at \(chunk.offset), \(reading.damages)")
            }
        }
        for index in chunks.indices {
            // Parts without a checksum of their own may differ: times, compressed bytes with the same content.
            let standing = bytes.places(of: Array(chunks[index].bytes.suffix(9))).count
            if counts[index] > max(standing, 1) { failures.append("chunk \(index) \(counts[index]) times") }
            let due = places[index].filter { isDue(chunks[index], at: $0) }
            if counts[index] == 0, !due.isEmpty {
                failures.append("chunk \(index) at \(due) not found, \(reading.damages)")
            }
        }
        for damage in reading.damages where damage.unreadBytes > 0 {
            if "\(damage)".contains("no message is lost") { failures.append("\(damage)") }
        }
        return failures
    }

    /// Messages of a stored chunk without its start: read one by one, without proof.
    ///
    /// A message has no checksum of its own: bytes inserted or removed inside it change it, but neither the channel nor
    /// the length before them.
    private func areLoose(_ messages: [TestMessage], at offset: Int) -> Bool {
        guard bytes[offset] != Opcode.chunk.rawValue else { return false }
        return areMessagesChanged
            || messages.allSatisfy { message in
                chunks.contains {
                    $0.messages.contains {
                        $0.channelID == message.channelID && $0.data.count == message.data.count
                    }
                }
            }
    }

    private func isDue(_ chunk: Whole, at place: Int) -> Bool {
        let end = place + chunk.bytes.count
        if isBetweenMarkers(place, ofOthersThan: chunk) { return false }
        if let marker = chunk.marker {
            if bytes[..<place].suffix(marker.count).elementsEqual(marker), isAccompanied(marker) {
                return !isHidden(chunk, at: place, byOthersOnly: true)
            }
            guard bytes[end...].starts(with: chunk.index), !isWhereOneChunkWas(place) else { return false }
        } else {
            // Its file up to there, or valid records after it.
            guard bytes[..<place].suffix(chunk.head.count).elementsEqual(chunk.head) || isOpening(at: end) else {
                return false
            }
        }
        return !isHidden(chunk, at: place)
    }

    /// A single marker could be sent by anyone.
    private func isAccompanied(_ marker: [UInt8]) -> Bool {
        markers.filter { $0[9..<25] == marker[9..<25] }.reduce(0) { $0 + bytes.places(of: $1).count } > 1
    }

    private func isOpening(at place: Int) -> Bool {
        place == bytes.count || openings.contains { bytes[place...].starts(with: $0) }
    }

    /// Whether it is within a chunk that is damaged but has its start, and is followed by valid records.
    private func isHidden(_ chunk: Whole, at place: Int, byOthersOnly: Bool = false) -> Bool {
        chunks.contains { other in
            if byOthersOnly, other.marker?[9..<25] == chunk.marker?[9..<25] { return false }
            return placesOfFraming(of: other).contains { start in
                let end = start + other.bytes.count
                let ownEnd = place + chunk.bytes.count
                guard start < place, ownEnd <= end else { return false }
                if other.marker != nil { return true }
                return end > bytes.count ? !isOpening(at: ownEnd) || chunk.marker != nil : isOpening(at: end)
            }
        }
    }

    /// Where its start says how long it is. The times and the checksum in it do not matter for that.
    private func placesOfFraming(of chunk: Whole) -> [Int] {
        bytes.places(of: Array(chunk.bytes.prefix(Layout.recordHeader))).filter { start in
            [25..<33, 37..<49].allSatisfy { field in
                bytes[start...].dropFirst(field.lowerBound).starts(with: chunk.bytes[field])
            }
        }
    }

    /// Between two markers of one file there is only data of that file.
    private func isBetweenMarkers(_ place: Int, ofOthersThan chunk: Whole) -> Bool {
        let others = markers.filter { $0[9..<25] != chunk.marker?[9..<25] }
        return others.contains { one in
            bytes.places(of: one).contains { $0 < place }
                && others.contains { $0[9..<25] == one[9..<25] && bytes.places(of: $0).contains { $0 > place } }
        }
    }

    /// Between two markers that followed one another.
    private func isWhereOneChunkWas(_ place: Int) -> Bool {
        let standing = markers.flatMap { marker in bytes.places(of: marker).map { (place: $0, marker: marker) } }
        return standing.contains { before in
            let own = standing.filter { $0.marker[9..<25] == before.marker[9..<25] }
            let behind = own.filter { $0.place > place }.min { $0.place < $1.place }
            return before.place < place && behind?.marker[25] == before.marker[25] + 1
                && !own.contains { $0.place > before.place && $0.place < place }
        }
    }
}
