import Testing

@testable import MCAP

/// What is missing of a file before its next marker, and the damage list: decided without reading anything.
@Suite struct FilePartTests {
    /// What was read of the file before the next marker is sought.
    enum Read { case nothing, marker, chunk, damage }

    struct Case: CustomTestStringConvertible {
        let read: Read
        /// Of the next marker: its ordinal, and how many bytes it was written and stands behind the last marker.
        let next: (ordinal: UInt64, written: UInt64, stands: UInt64)
        let missing: FilePart.Missing
        let excess: Int64?
        var isOnlyChunkDue = false
        var isMovedBack = false
        var testDescription: String { "\(read), then \(next)" }
    }

    /// The marker that was read has ordinal 5 and was written at byte 1,000, but ends at byte 2,049.
    private static let marker = Marker(sync: Recording.sync, ordinal: 5, offset: 1_000, precedingCRC: 0)
    private static let end: UInt64 = 2_049

    private static let cases = [
        Case(read: .nothing, next: (6, 500, 500), missing: .unknown, excess: nil),
        Case(read: .marker, next: (6, 500, 500), missing: .one(room: 500), excess: 0, isOnlyChunkDue: true),
        Case(read: .marker, next: (6, 500, 530), missing: .one(room: 500), excess: 30, isOnlyChunkDue: true),
        Case(read: .marker, next: (6, 500, 420), missing: .one(room: 500), excess: -80, isOnlyChunkDue: true),
        Case(read: .marker, next: (7, 900, 900), missing: .several, excess: 0),
        Case(read: .marker, next: (4, 500, 500), missing: .unknown, excess: nil, isMovedBack: true),
        // A chunk of 100 bytes without message indexes follows the marker.
        Case(read: .chunk, next: (6, 100, 100), missing: .nothing, excess: 0),
        Case(read: .chunk, next: (7, 500, 500), missing: .one(room: 400 - 49), excess: 0),
        Case(read: .chunk, next: (8, 500, 500), missing: .several, excess: 0),
        Case(read: .chunk, next: (5, 100, 100), missing: .unknown, excess: nil, isMovedBack: true),
        // The offset of a marker is whatever the file says.
        Case(
            read: .marker, next: (6, 1 << 63, 0), missing: .one(room: 1 << 63), excess: .min, isOnlyChunkDue: true),
        Case(read: .damage, next: (6, 500, 500), missing: .unknown, excess: nil, isOnlyChunkDue: true),
    ]

    @Test(arguments: cases) func whatIsMissingFollowsFromOrdinalsAndOffsets(_ one: Case) {
        let file = FilePart(number: 3, start: 1_000)
        if one.read != .nothing { file.take(Self.marker, endingAt: Self.end) }
        if one.read == .chunk { file.noteRead(DecodedChunk(), endingAt: Self.end + 100) }
        if one.read == .damage { file.losePlace() }
        func known(file number: Int) -> KnownMarker {
            let marker = Marker(
                sync: Recording.sync, ordinal: one.next.ordinal, offset: 1_049 &+ one.next.written, precedingCRC: 0)
            return KnownMarker(marker: marker, place: Self.end + one.next.stands, file: number)
        }
        let next = known(file: 3)
        #expect(file.missing(before: next) == one.missing)
        #expect(file.excess(before: next) == one.excess)
        #expect(file.isOnlyChunkDue(before: next) == one.isOnlyChunkDue)
        #expect(file.isMovedBack(next) == one.isMovedBack)
        for other in [nil, known(file: 2)] {
            #expect(file.missing(before: other) == .unknown)
            #expect(file.excess(before: other) == nil)
            #expect(!file.isOnlyChunkDue(before: other))
        }
    }

    @Test func aChunkIsExpectedBehindItsMarkerOnce() {
        let file = FilePart(number: 0, start: 1_000)
        #expect(!file.isChunkExpected(at: 0))
        file.take(Self.marker, endingAt: Self.end)
        #expect(file.isChunkExpected(at: Self.end))
        #expect(!file.isChunkExpected(at: Self.end + 1))
        #expect(file.isNextChunkRead == false)
        file.noteRead(DecodedChunk(), endingAt: Self.end + 100)
        #expect(!file.isChunkExpected(at: Self.end))
        #expect(file.isRead(5))
        // The same marker once more: its chunk is a copy.
        file.take(Self.marker, endingAt: Self.end + 200)
        #expect(file.isNextChunkRead == true)
        file.goOn(before: 9)
        #expect(file.expectedOrdinal == 9)
        #expect(file.isNextChunkRead == false)
        file.passUnreadableMarker()
        #expect(file.expectedOrdinal == 10)
    }

    // MARK: - The files

    @Test func filesAreToldApartByTheirMarkers() {
        let files = FileParts()
        files.take(Self.marker, endingAt: Self.end)
        let other = Marker(
            sync: SyncMarker(first: 1, second: 2), ordinal: 0, offset: 100, precedingCRC: 0)
        files.enter(fileOf: other, at: 5_000)
        #expect(files.current.number == 1)
        #expect(files.current.shift == 4_900)
        files.take(other, endingAt: 5_049)
        #expect(files.numbers == [Recording.sync: 0, other.sync: 1])
        files.enter(fileOf: Self.marker, at: 6_000)
        #expect(files.current.number == 0)
        #expect(files.others.map(\.number) == [1])
        #expect(files.logs.map { $0.lastMarker?.ordinal } == [5, 0])
    }

    @Test func anUntouchedFileIsReplacedByTheNext() {
        let files = FileParts()
        files.begin(at: 70)
        #expect(files.count == 1)
        #expect(files.current.shift == 70)
        files.take(Self.marker, endingAt: Self.end)
        files.begin(at: 9_000)
        #expect(files.count == 2)
        #expect(files.current.number == 1)
        #expect(files.mayBegin(at: 9_000))
        files.noteStart(at: 9_000)
        #expect(!files.mayBegin(at: 9_000))
        for _ in 0..<FileParts.limit where files.hasRoom { files.enterNew(start: 0) }
        #expect(files.count == FileParts.limit)
        #expect(!files.mayBegin(at: 10_000))
    }

    // MARK: - Damage

    @Test func whatWasUnreadableBehindTheLastVerifiedPositionIsTakenBack() {
        var damages = DamageList()
        damages.report(at: 10, length: 5, .truncated, lost: nil)
        damages.report(at: 100, length: 0, .anotherFile, lost: 0)
        damages.report(at: 120, length: 8, .marker, lost: 0)
        damages.report(at: 150, length: 8, .footer, lost: 0)
        damages.report(at: 200, length: 8, .trailingMagic, lost: 0)
        #expect(damages.takeBack(from: 100)?.offset == 120)
        #expect(damages.all.map(\.offset) == [10, 100, 150])
        #expect(damages.takeBack(from: 100) == nil)
    }

    @Test(
        arguments: [
            ([nil, 3, 0], 20 as UInt64, [10, 3, 0]), ([nil, 3], 9, [nil, 3]), ([nil, nil], 20, [nil, nil]),
            ([2, 3], 20, [2, 3]), ([nil], 7, [0]), ([nil], .max, [Int.max]),
            ([.max, .max, nil], .max, [.max, .max, 0]),
        ] as [([Int?], UInt64, [Int?])])
    func theOnlyUnknownLossIsTheRest(losses: [Int?], total: UInt64, settled: [Int?]) {
        var damages = DamageList()
        for loss in losses { damages.report(at: 0, length: 9, .truncated, lost: loss) }
        damages.settleLoss(ofTotal: total, read: 7)
        #expect(damages.all.map(\.messagesLost) == settled)
        #expect(damages.hasLosses == settled.contains { $0 != 0 })
    }
}
