/// The next marker of a known file.
struct KnownMarker {
    let marker: Marker
    let place: UInt64
    /// Of ``FilePart``.
    let file: Int
}

/// Finds markers behind damage.
final class MarkerSearch {
    /// How far a search reads ahead in a stream; the bytes are kept meanwhile.
    private static let streamLookAhead: UInt64 = 1 << 26

    private let window: SourceWindow
    private let progress: ReadProgress
    private let files: FileParts
    /// Start and result of the last search for a marker of a known file, and how many files were known.
    private var last: (from: UInt64, found: KnownMarker?, files: Int)?

    init(_ progress: ReadProgress, _ files: FileParts) {
        window = progress.window
        self.progress = progress
        self.files = files
    }

    /// The first marker of a known file at or after `offset`.
    func next(from offset: UInt64) throws -> KnownMarker? {
        let numbers = files.numbers
        if let last, last.from <= offset, last.files == numbers.count {
            guard let found = last.found else { return nil }
            if found.place >= offset { return found }
        }
        guard !numbers.isEmpty else { return nil }
        var found: KnownMarker?
        try forEach(from: offset) { marker, place in
            guard let file = numbers[marker.sync] else { return true }
            found = KnownMarker(marker: marker, place: place, file: file)
            return false
        }
        // A stream may bring more.
        last = found == nil && window.isStream && !window.isEndKnown ? nil : (offset, found, numbers.count)
        return found
    }

    /// Whether the last chunk could not be read because its length is wrong, so that it includes more of the file.
    func isMarkerPassed(before place: UInt64) throws -> Bool {
        guard let lost = progress.lostChunk, lost.upperBound <= place else { return false }
        return try next(from: lost.lowerBound).map { $0.place < place } ?? false
    }

    /// - Parameter body: returns false to stop.
    func forEach(from offset: UInt64, _ body: (Marker, _ place: UInt64) throws -> Bool) throws {
        let limit = window.isStream ? offset &+ Self.streamLookAhead : .max
        var position = max(offset, window.firstKept)
        while position < limit, let piece = try window.piece(at: position, atLeast: 64, limit: Landmark.pieceSize) {
            let count = piece.count
            let landmarks = Landmark.find(CollectionOfOne(.marker), in: piece, at: position)
            try progress.spend(UInt64(count))
            for landmark in landmarks {
                guard let marker = try window.marker(at: landmark.offset) else { continue }
                guard try body(marker, landmark.offset) else { return }
            }
            if count < 64, try window.isEnd(position + UInt64(count)) { return }
            position += UInt64(max(count - Landmark.size + 1, 1))
        }
    }
}
