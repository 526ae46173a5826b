package import Backplane

/// How a segment came to its close.
package enum SegmentEnding: Sendable, Equatable {
    /// The recording goes on, in the next segment.
    case goesOn
    /// The recording ended. By channel: the last id that was given out by then, all of which are recorded or told as
    /// missing; a channel whose counter could not be compared is not in it.
    case stopped(checkedIDs: OrdinalNameMap<UInt64>)
}
