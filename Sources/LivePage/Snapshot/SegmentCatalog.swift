import Backplane
import Capture
import NIOConcurrencyHelpers
import NIOPosix

/// The segments of the record directory for the page, listed occasionally on a thread that may block.
final class SegmentCatalog: Sendable {
    struct Segment: Sendable, Equatable {
        var stored: StoredSegment
        /// First to last id by channel; for an open segment only the first is known and stands for both.
        var ids: OrdinalNameMap<ClosedRange<UInt64>> = [:]

        /// `recording`, `unclosed` (its relay died), `complete`, `incomplete`, or `unknown`.
        var state: String {
            if stored.isOpen { return "recording" }
            if !stored.isClosed { return "unclosed" }
            guard let missing = stored.missingIDs else { return "unknown" }
            return missing == 0 ? "complete" : "incomplete"
        }
    }

    struct Listing: Sendable, Equatable {
        /// Newest first, at most ``SegmentCatalog/shown``.
        var newest: [Segment] = []
        /// Number of all segments.
        var total = 0
        var bytes: UInt64 = 0
    }

    static let shown = 50

    let directory: String
    private let thread: NIOThreadPool
    private let inventory: NIOLockedValueBox<SegmentInventory>
    private let last = NIOLockedValueBox<Listing?>(nil)

    init(directory: String, thread: NIOThreadPool = .singleton) {
        self.directory = directory
        self.thread = thread
        inventory = NIOLockedValueBox(SegmentInventory(directory: directory))
    }

    /// As of the last listing; nil before the first.
    var listing: Listing? { last.withLockedValue { $0 } }

    /// - Returns: true if it has changed.
    func look() async -> Bool {
        let known = listing?.newest ?? []
        let looked = try? await thread.runIfActive { [self] in
            let segments = try scan()
            return Listing(
                newest: segments.suffix(Self.shown).reversed().map { segment($0, known: known) }, total: segments.count,
                bytes: segments.reduce(0) { $0 + $1.size })
        }
        guard let listing = looked else { return false }
        return last.withLockedValue { last in
            defer { last = listing }
            return last != listing
        }
    }

    /// A closed segment with this name in the current listing; nil for any other string.
    func closed(_ name: String) async -> StoredSegment? {
        guard let segments = try? await thread.runIfActive({ [self] in try scan() }) else { return nil }
        return segments.first { $0.name == name && !$0.isOpen && $0.isClosed }
    }

    /// - Parameter known: segments of the last listing; closed ones do not change.
    private func segment(_ stored: StoredSegment, known: [Segment]) -> Segment {
        guard stored.isClosed else {
            guard stored.isOpen else { return Segment(stored: stored) }
            // Once known, the first id of a channel does not change.
            let before = known.first { $0.stored.isOpen && $0.stored.name == stored.name && !$0.ids.isEmpty }
            return Segment(
                stored: stored,
                ids: before?.ids
                    ?? SegmentInventory.firstIDs(ofOpen: stored.name, in: directory).mapValues { $0...$0 })
        }
        let before = known.first {
            $0.stored.isClosed && $0.stored.name == stored.name && $0.stored.size == stored.size
        }
        return Segment(stored: stored, ids: before?.ids ?? SegmentInventory.ids(of: stored.name, in: directory))
    }

    private func scan() throws -> [StoredSegment] {
        try inventory.withLockedValue { try $0.scan() }
    }
}
