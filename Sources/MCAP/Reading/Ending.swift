/// How a file ends.
package enum Ending: Equatable, Sendable {
    /// With a summary.
    case closed
    /// With a trailer but no summary: it is being written, or its writer died between two chunks.
    case unclosed
    /// In the middle of a record: the writer, the disk or a copy was cut off.
    case cut
}
