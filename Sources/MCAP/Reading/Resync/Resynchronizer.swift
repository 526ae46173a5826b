/// Searches the place where reading continues after damage.
final class Resynchronizer {
    private let window: SourceWindow
    private let progress: ReadProgress
    private let files: FileParts
    private let markers: MarkerSearch
    private let check: LandingCheck
    /// After this position there is no place to continue.
    private var hasNoLandingBehind: UInt64?
    /// Nothing more will be found before this position.
    private var searchedUntil: UInt64 = 0

    init(_ progress: ReadProgress, _ files: FileParts, _ markers: MarkerSearch, _ check: LandingCheck) {
        window = progress.window
        self.progress = progress
        self.files = files
        self.markers = markers
        self.check = check
    }

    /// Where reading goes on after a record that cannot be read.
    enum Continuation {
        case landing(Landing)
        /// Behind the record, which ends there.
        case behind(UInt64)
        case nowhere
    }

    /// Where reading goes on after the record at the current position. In a file of another program: after the record,
    /// if it seems to end.
    func continuation(after reason: Damage.Reason) throws -> Continuation {
        // A record with a wrong length may hide others: search from the last verified position.
        var start = progress.verified < progress.position ? progress.verified : progress.position + 1
        if let last = progress.lastLanding { start = max(start, last + 1) }
        start = max(start, searchedUntil)
        let isSkippable =
            !files.current.isMarked && (progress.phase.isData || progress.phase.isSummary) && reason != .truncated
        let end = isSkippable ? try endOfRecord() : nil
        if let landing = try landing(from: start, until: end ?? .max) { return .landing(landing) }
        guard let end else { return .nowhere }
        searchedUntil = end
        return .behind(end)
    }

    /// The end of the current record, if data may follow it.
    private func endOfRecord() throws -> UInt64? {
        guard let frame = try window.frame(at: progress.position), Opcode(rawValue: frame.opcode) != nil,
            !window.isStream || frame.length <= window.limits.maximumRecordSize
        else { return nil }
        if try window.isEnd(frame.end) { return frame.end }
        guard let next = try window.frame(at: frame.end), next.opcode >= 0x80 || Opcode(rawValue: next.opcode) != nil
        else { return nil }
        // Between chunks, a message is the rest of a damaged chunk.
        let isOfMessages = (Opcode.schema.rawValue...Opcode.message.rawValue).contains(next.opcode)
        guard !isOfMessages || files.current.log.statistics.chunkCount == 0 else { return nil }
        return try !window.isStream || window.isEnd(next.end) || next.length <= 1 << 24 ? frame.end : nil
    }

    /// The first trustworthy place at or after `offset`; nil if there is none.
    ///
    /// A marker of a known file is trusted, because its sync marker is secret. Anything else that looks like a chunk, a
    /// marker or a file may be the payload of a recorded message, which anyone can send: it is trusted only where none
    /// of our chunks can have been.
    ///
    /// - Parameter limit: end of this search.
    func landing(from offset: UInt64, until limit: UInt64 = .max) throws -> Landing? {
        let known = files.current.isMarked || files.count > 1 ? try markers.next(from: offset) : nil
        let end = [known?.place, limit == .max ? nil : limit].compactMap { $0 }.min()
        var position = offset
        while end.map({ position < $0 }) ?? true {
            if hasNoLandingBehind.map({ position >= $0 }) ?? false { break }
            let wanted = limit == .max ? Landmark.pieceSize : Int(min(limit - position, 1 << 16)) + Landmark.size
            guard let piece = try window.piece(at: position, atLeast: 64, limit: wanted) else { break }
            let count = piece.count
            let landmarks = Landmark.find(Landmark.Kind.allCases, in: piece, at: position)
            try progress.spend(UInt64(count))
            for landmark in landmarks {
                if let end, landmark.offset >= end { break }
                if let landing = try check.landing(at: landmark, before: known) { return landing }
            }
            if count < 64, count < wanted, try window.isEnd(position + UInt64(count)) { break }
            // A landmark may begin in the last bytes of this piece.
            position += UInt64(max(count - Landmark.size + 1, 1))
            if end == nil { window.discard(before: position) }
        }
        if let known, known.place < limit { return .marker(known.marker, at: known.place) }
        guard limit == .max else { return nil }
        hasNoLandingBehind = min(hasNoLandingBehind ?? .max, offset)
        return nil
    }
}
