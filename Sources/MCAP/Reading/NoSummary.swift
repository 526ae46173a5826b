/// A file cannot be read by its summary; use ``MCAPStreamReader``.
package enum NoSummary: Error, Equatable, CustomStringConvertible {
    /// It is being written, or its writer died.
    case unclosed
    /// It does not end with the MCAP magic bytes.
    case cut
    /// Its summary lists no chunks although there are some.
    case withoutChunkIndexes
    /// There are more messages than its chunks have, or their number is unknown.
    case messagesOutsideChunks

    package var description: String {
        switch self {
        case .unclosed: "the file has no summary because it was never closed; read it from its start"
        case .cut: "the file is cut off before its summary; read it from its start"
        case .withoutChunkIndexes: "the file's summary does not list its chunks; read it from its start"
        case .messagesOutsideChunks: "the file has messages that its summary does not list; read it from its start"
        }
    }
}
