import MCAP

/// One file of a capture, as far as its start tells.
public struct CaptureSegment: Sendable, Equatable {
    public let path: String
    /// Bytes of the file when it was looked at.
    public let size: UInt64
    /// When it was begun, nanoseconds since 1970; 0 if its start cannot be read.
    public let startedAt: UInt64
    /// Where it was recorded; nil if its start cannot be read, or it is no file of ours.
    public let source: CaptureSource?
    /// File name of the segment that was recorded before it; nil if it does not say.
    public let previous: String?

    /// - Throws: ``CaptureError`` if the file cannot be opened or read. Damage is for the reading to report.
    init(path: String) throws(CaptureError) {
        let file = try FileSource(path: path)
        self.path = path
        size = file.size
        var start: Metadata?
        do {
            start = try Self.startMetadata(of: file)
        } catch let error as CaptureError {
            throw error
        } catch {
            throw .notACapture(path: path, reason: "\(error)")
        }
        startedAt = start?.entries[CaptureMetadata.Key.startedAt].flatMap(UTCTime.parse) ?? 0
        previous = start?.entries[CaptureMetadata.Key.previousSegment]
        source = start.map { metadata in
            CaptureSource(
                relayVersion: metadata.entries[CaptureMetadata.Key.relayVersion] ?? "",
                host: metadata.entries[CaptureMetadata.Key.host] ?? "",
                redis: metadata.entries[CaptureMetadata.Key.redis] ?? "",
                runID: metadata.entries[CaptureMetadata.Key.runID],
                redisVersion: metadata.entries[CaptureMetadata.Key.redisVersion],
                payload: metadata.entries[CaptureMetadata.Key.payload].flatMap(PayloadMode.init) ?? .full,
                redactedKeys: CaptureMetadata.strings(metadata.entries[CaptureMetadata.Key.redactedKeys]))
        }
    }

    /// The metadata record that stands before the first chunk; nil if damage hides it.
    private static func startMetadata(of file: FileSource) throws -> Metadata? {
        let reader = MCAPStreamReader(file, tailMayGrow: true, readAhead: 4_096)
        while let item = try reader.next() {
            switch item {
            case .header: break
            case .metadata(let metadata) where metadata.name == CaptureMetadata.startName: return metadata
            case .metadata, .chunk, .end: return nil
            }
        }
        return nil
    }
}
