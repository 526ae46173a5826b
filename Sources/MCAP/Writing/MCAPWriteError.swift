/// Why bytes that came from a file cannot be written into another one.
package enum MCAPWriteError: Error, Equatable, CustomStringConvertible {
    /// A copied chunk refers to a channel or schema that it does not hold itself.
    case chunkNotSelfContained(channelID: UInt16)
    /// A copied chunk uses a channel id that means another channel in this file.
    case channelConflict(channelID: UInt16)
    /// A scanned file cannot be continued where it ends: there is damage before its end, it is closed, or it has no
    /// markers, so that another program wrote it.
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
            "the chunk does not hold channel \(id) itself; copy its messages one by one instead of the whole chunk"
        case .channelConflict(let id):
            "channel id \(id) means another channel in the file written; give each input a file of its own"
        case .notResumable(.closed): "the file is closed; there is nothing to finish"
        case .notResumable(.damaged): "the file is damaged before its end; recover its whole chunks into a new file"
        case .notResumable(.withoutMarkers):
            "the file has no markers of backplane-relay; recover its whole chunks into a new file"
        }
    }
}
