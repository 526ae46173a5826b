/// The intact parts of a file.
package struct ScanReport: Equatable, Sendable {
    /// nil if the file does not begin with one.
    package var header: Header?
    /// All metadata, in the order of the file.
    package var metadata: [Metadata] = []
    /// Of all metadata that was found, in the order of the file.
    package var metadataIndexes: [MetadataIndex] = []
    /// Nil if the file has no readable marker.
    package var sync: SyncMarker?
    /// The channels described, in the order of the file.
    package var channels: [Channel] = []
    /// The intact chunks, in file order.
    package var chunks: [ScannedChunk] = []
    /// Messages in intact chunks and outside chunks.
    package var messageCount: UInt64 = 0
    /// In the order of the file.
    package var damages: [Damage] = []
    /// How the file ends.
    package var ending: Ending
    /// End of the last intact chunk, in bytes from the start of the file, including its message indexes if they are
    /// intact. Without chunks: end of the first marker. Nil if there is neither.
    package var endOfLastWholeChunk: UInt64?

    /// The channels described before that position.
    var channelsToResume: [Channel] = []
    /// The schemas of these.
    var schemasToResume: [Schema] = []
    /// Ordinal of the marker before that position.
    var lastOrdinal: UInt64 = 0
    /// CRC of the bytes between the last chunk, or the start of the file, and that position.
    var gap = CRC32()
    /// Message indexes of the last chunk, if those in the file are incomplete.
    var owedIndexes: [UInt8] = []

    /// True if its writer finished the file and it is undamaged.
    package var isClosedCleanly: Bool { ending == .closed && damages.isEmpty }

    /// What a writer needs to continue at the end of the file.
    func resumption() throws(MCAPWriteError) -> Resumption {
        guard ending != .closed else { throw .notResumable(.closed) }
        guard let header, let sync, let end = endOfLastWholeChunk else { throw .notResumable(.withoutMarkers) }
        guard damages.allSatisfy({ $0.offset >= end }) else { throw .notResumable(.damaged) }
        return Resumption(
            header: header, sync: sync, end: end, nextOrdinal: lastOrdinal + 1, gap: gap, channels: channelsToResume,
            schemas: schemasToResume, owedIndexes: owedIndexes)
    }
}

/// Where and how a writer continues a file.
struct Resumption {
    let header: Header
    let sync: SyncMarker
    let end: UInt64
    let nextOrdinal: UInt64
    let gap: CRC32
    let channels: [Channel]
    let schemas: [Schema]
    let owedIndexes: [UInt8]
}

/// An intact chunk found by a scan.
package struct ScannedChunk: Equatable, Sendable {
    /// As in the file's summary, or as it will be: at the end of a cut file with message indexes still to be written.
    package var index: ChunkIndex
    /// Number of messages by channel.
    package var messageCounts: [UInt16: UInt64]
}
