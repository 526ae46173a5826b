/// A file cannot be read by its index. ``MCAPStreamReader`` reads it.
package enum NoSummary: Error, Equatable, CustomStringConvertible {
    /// It is still written, or its writer died.
    case unclosed
    /// It does not end as an MCAP file does.
    case cut
    /// Its summary lists no chunks although there are some.
    case withoutChunkIndexes
    /// There are more messages than its chunks have, or it does not say how many.
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
