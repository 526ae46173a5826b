/// What is gone of the segment under the writer's hands, by what somebody did to its file.
package struct SegmentLoss: Sendable, Equatable {
    /// Why the segment could not be written on.
    package enum Cause: String, Sendable, CaseIterable {
        /// The file was deleted, or another one took its place.
        case removed = "segment_removed"
        /// The file was cut.
        case truncated = "segment_truncated"
        /// The file, or its directory, has another name now: whole, but no more where the capture is.
        case moved = "segment_moved"
    }

    package var path: String
    package var cause: Cause
    /// By channel index.
    package var lost: [ChannelTally]

    /// Envelopes that were lost with it.
    package var envelopes: Int { lost.reduce(0) { $0 + $1.envelopes } }
}
