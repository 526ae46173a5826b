/// How the writer compresses chunks. A chunk that does not shrink is stored uncompressed.
package enum Compression: Equatable, Sendable {
    case none
    /// zstd, one frame per chunk with content size and checksum. Levels outside zstd's range are clamped.
    case zstd(level: Int)
}
