/// How the writer compresses chunks. A chunk that does not shrink is stored as it is.
package enum Compression: Equatable, Sendable {
    case none
    /// zstd, one frame a chunk with content size and checksum. Levels beyond what zstd knows are brought into its range.
    case zstd(level: Int)
}
