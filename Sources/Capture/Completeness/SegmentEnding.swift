package import Backplane

/// How a segment was closed.
package enum SegmentEnding: Sendable, Equatable {
    /// The recording continues in the next segment.
    case goesOn
    /// The recording ended. By channel: the last id assigned by then; all ids up to it are recorded or reported
    /// missing. Channels whose counter could not be read are absent.
    case stopped(checkedIDs: OrdinalNameMap<UInt64>)
}
