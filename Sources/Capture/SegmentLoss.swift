/// What is lost of the open segment because its file was changed from outside.
package struct SegmentLoss: Sendable, Equatable {
    /// Why the segment could not be written on.
    package enum Cause: String, Sendable, CaseIterable {
        /// The file was deleted or replaced.
        case removed = "segment_removed"
        /// The file was cut.
        case truncated = "segment_truncated"
        /// The file or its directory was renamed: intact, but no longer in the capture.
        case moved = "segment_moved"
    }

    package var path: String
    package var cause: Cause
    /// By channel index.
    package var lost: [ChannelTally]

    /// Envelopes that were lost with it.
    package var envelopes: Int { lost.reduce(0) { $0 + $1.envelopes } }
}
