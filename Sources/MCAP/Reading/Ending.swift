/// How a file ends.
package enum Ending: Equatable, Sendable {
    /// With a summary.
    case closed
    /// With a trailer but without a summary: it is still written, or its writer died between two chunks.
    case unclosed
    /// Inside of something: its writer, its disk or a copy was cut off.
    case cut
}
