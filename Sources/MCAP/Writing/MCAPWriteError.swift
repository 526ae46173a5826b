/// Why data from a file cannot be written to another file.
package enum MCAPWriteError: Error, Equatable, CustomStringConvertible {
    /// A copied chunk refers to a channel or schema that it does not contain.
    case chunkNotSelfContained(channelID: UInt16)
    /// A copied chunk uses a channel id that belongs to another channel in this file.
    case channelConflict(channelID: UInt16)
    /// A scanned file cannot be continued: it is damaged before its end, closed, or has no markers because another
    /// program wrote it.
    case notResumable(ResumeObstacle)

    /// Why a file cannot be written on.
    package enum ResumeObstacle: Equatable, Sendable {
        case closed
        case damaged
        case withoutMarkers
    }

    package var description: String {
        switch self {
        case .chunkNotSelfContained(let id):
            "the chunk does not contain channel \(id) itself; copy its messages one by one instead of the whole chunk"
        case .channelConflict(let id):
            "channel id \(id) means a different channel in the output file; write each input to its own file"
        case .notResumable(.closed): "the file is closed; there is nothing to finish"
        case .notResumable(.damaged): "the file is damaged before its end; recover its whole chunks into a new file"
        case .notResumable(.withoutMarkers):
            "the file has no markers of backplane-relay; recover its whole chunks into a new file"
        }
    }
}
