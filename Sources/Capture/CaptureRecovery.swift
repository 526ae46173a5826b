import MCAP

/// Saves what is whole of a damaged segment into a new file.
public enum CaptureRecovery {
    public struct Outcome: Sendable {
        /// The new file.
        public var path: String
        public var messages = 0
        public var chunks = 0
        /// What could not be saved, in words.
        public var damage: [String] = []
    }

    /// Copies every whole chunk, before the damage and after it, byte for byte.
    ///
    /// - Parameter directory: for the new file, which has the name of the old one; made if it does not exist.
    /// - Throws: ``CaptureError``, also if the new file exists already.
    public static func recover(_ path: String, into directory: String, at now: Moment) throws -> Outcome {
        try CaptureDirectory.make(directory)
        let name = path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
        let output = directory + "/" + name
        let source = try FileSource(path: path)
        let reader = MCAPStreamReader(source, tailMayGrow: source.isLive)
        guard let file = try SegmentFile.create(path: output) else {
            throw CaptureError.exists(path: output)
        }
        var outcome = Outcome(path: output)
        var header = Header(profile: CaptureMetadata.profile, library: "backplane-relay")
        var metadata: [Metadata] = []
        var writer: MCAPWriter?

        func start() throws {
            guard writer == nil else { return }
            writer = MCAPWriter(header: header, sync: .random(), compression: .none)
            writer!.encodeStart(metadata: metadata)
            try write(&writer!, to: file)
            metadata = []
        }

        while let item = try reader.next() {
            switch item {
            case .header(let found): header = found
            case .metadata(let found): metadata.append(found)
            case .chunk(let chunk):
                try start()
                do {
                    try writer!.encodeCopy(of: chunk)
                } catch {
                    outcome.damage.append("chunk at \(chunk.offset): \(error)")
                    continue
                }
                try write(&writer!, to: file)
                outcome.messages += chunk.messageCount
                outcome.chunks += 1
            case .end: break
            }
        }
        try start()
        writer!.encodeEnd(
            metadata: metadata + [
                Metadata(
                    name: CaptureMetadata.recoveredName,
                    entries: [
                        CaptureMetadata.Key.recoveredFrom: name,
                        CaptureMetadata.Key.endedAt: UTCTime.rfc3339(now.realtime),
                        CaptureMetadata.Key.damages: "\(reader.damages.count)",
                    ])
            ])
        try write(&writer!, to: file)
        try file.sync()
        outcome.damage += reader.damages.map { "\(path): \($0)" }
        return outcome
    }

    private static func write(_ writer: inout MCAPWriter, to file: SegmentFile) throws(CaptureError) {
        try file.write(writer.output, at: writer.outputOffset)
        writer.commit()
    }
}
