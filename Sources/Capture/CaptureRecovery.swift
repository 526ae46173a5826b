import MCAP
package import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Copies the intact chunks of a damaged segment into new files.
package enum CaptureRecovery {
    /// What was saved and what was not.
    package struct Outcome: Sendable {
        /// The new files: one per MCAP file found, because several may be concatenated.
        package var paths: [String] = []
        /// Messages in the new files.
        package var messages = 0
        /// Chunks in the new files.
        package var chunks = 0
        /// Messages written without schema, in chunks of other programs.
        package var withoutSchema = 0
        /// What could not be saved, as sentences.
        package var damage: [String] = []
        /// Byte ranges of the damaged file that could not be used.
        package var unread: [Range<UInt64>] = []

        /// Bytes of the original that could not be read.
        package var unreadBytes: UInt64 { unread.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) } }
    }

    /// Copies every intact chunk, before and after the damage, byte for byte.
    ///
    /// - Parameter directory: for the new files, the first of which keeps the old name; created if it does not exist.
    /// - Throws: ``CaptureError``, also if a new file already exists, or if the old file contains no MCAP data; then no
    ///   new file remains.
    package static func recover(_ path: String, into directory: String, at now: Moment) throws -> Outcome {
        guard let segment = try CaptureReader(paths: [path]).segments.first else {
            throw CaptureError.noSegments(path: path)
        }
        return try recover(segment, into: directory, at: now)
    }

    /// The same for a segment of an open capture.
    package static func recover(_ segment: CaptureSegment, into directory: String, at now: Moment) throws -> Outcome {
        let (source, isLive) = try segment.open()
        let reader = MCAPStreamReader(source, tailMayGrow: isLive)
        var files = RecoveredFiles(name: segment.recoveredName, directory: directory)
        do {
            return try recover(segment, by: reader, into: &files, at: now)
        } catch {
            files.abandon()
            throw error
        }
    }

    private static func recover(
        _ segment: CaptureSegment, by reader: MCAPStreamReader, into files: inout RecoveredFiles, at now: Moment
    ) throws -> Outcome {
        var outcome = Outcome()
        while let item = try reader.next() {
            switch item {
            case .header(let header): files.add(header, number: reader.fileNumber)
            case .metadata(let metadata): files.add(metadata, number: reader.fileNumber)
            case .chunk(let chunk):
                do {
                    try files.write(chunk, &outcome)
                } catch let error as MCAPWriteError {
                    outcome.damage.append("chunk at \(chunk.offset): \(error)")
                }
            case .end: break
            }
        }
        guard reader.foundAnything else {
            let start = segment.stream?.beginning ?? []
            throw segment.stream == nil
                ? CaptureError.notMCAP(path: segment.path, what: "is not an MCAP file and contains no part of one")
                : ForeignBytes.error(start, path: segment.path)
        }
        outcome.paths = try files.close(
            recovered: [
                CaptureMetadata.Key.recoveredFrom: segment.recoveredName,
                CaptureMetadata.Key.endedAt: UTCTime.rfc3339(now.realtime),
                CaptureMetadata.Key.damages: "\(reader.damages.count)",
            ])
        outcome.damage += reader.damages.map { "\(segment.path): \($0.finding)" }
        outcome.unread = reader.damages.filter { $0.unreadBytes > 0 }.map { $0.offset..<$0.offset + $0.unreadBytes }
        return outcome
    }
}

extension CaptureSegment {
    /// Of the new file.
    fileprivate var recoveredName: String {
        guard stream == nil else { return "recovered" + SegmentName.fileExtension }
        return path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }
}

/// The new files of one recovery, each created when there is something to write.
private struct RecoveredFiles {
    /// A file being written.
    private final class Output {
        let file: SegmentFile
        var writer: MCAPWriter

        init(_ file: SegmentFile, _ writer: consuming MCAPWriter) {
            self.file = file
            self.writer = writer
        }

        func write() throws(CaptureError) {
            try file.write(writer.output, at: writer.outputOffset)
            writer.commit()
        }
    }

    /// The initial contents of a file.
    private struct Start {
        var header = Header(profile: CaptureMetadata.profile, library: "backplane-relay")
        var metadata: [Metadata] = []
    }

    private let name: String
    private let directory: String
    private var starts: [Int: Start] = [:]
    private var outputs: [Int: Output] = [:]
    /// Paths of the created files.
    private var made: [String] = []

    init(name: String, directory: String) {
        self.name = name
        self.directory = directory
    }

    mutating func add(_ header: Header, number: Int) { starts[number, default: Start()].header = header }

    mutating func add(_ metadata: Metadata, number: Int) {
        starts[number, default: Start()].metadata.append(metadata)
    }

    /// - Throws: ``MCAPWriteError`` if this chunk cannot be saved; ``CaptureError``.
    mutating func write(_ chunk: DecodedChunk, _ outcome: inout CaptureRecovery.Outcome) throws {
        let output = try output(of: chunk.fileNumber)
        do {
            try output.writer.encodeCopy(of: chunk)
        } catch MCAPWriteError.chunkNotSelfContained {
            // A chunk of another program: what it needs is elsewhere, or it is not a chunk.
            guard chunk.messageCount > 0 else { return }
            try output.writer.encodeMessages(of: chunk)
            if chunk.channels.values.contains(where: { $0.schemaID != 0 }) {
                outcome.withoutSchema += chunk.messageCount
            }
        }
        try output.write()
        outcome.messages += chunk.messageCount
        outcome.chunks += 1
    }

    /// Closes all files.
    ///
    /// - Parameter recovered: the origin, written at the end of each file.
    /// - Returns: their paths.
    mutating func close(recovered: [String: String]) throws -> [String] {
        // Even without chunks a file is written: it shows what was recorded, and that nothing is left.
        if outputs.isEmpty { _ = try output(of: 0) }
        return try outputs.sorted { $0.key < $1.key }.map { number, output in
            let metadata = starts[number]?.metadata ?? []
            output.writer.encodeEnd(
                metadata: metadata + [Metadata(name: CaptureMetadata.recoveredName, entries: recovered)])
            try output.write()
            try output.file.sync()
            return output.file.path
        }
    }

    /// Removes unfinished files, which could be mistaken for the complete result.
    func abandon() {
        for path in made { unlink(path) }
    }

    private mutating func output(of number: Int) throws -> Output {
        if let output = outputs[number] { return output }
        try CaptureDirectory.make(directory)
        // The first file keeps the old name, whatever file it comes from.
        let path = directory + "/" + (outputs.isEmpty ? name : numbered(outputs.count + 1))
        guard let file = try SegmentFile.create(path: path) else { throw CaptureError.exists(path: path) }
        made.append(path)
        let start = starts[number] ?? Start()
        starts[number]?.metadata = []
        var writer = MCAPWriter(header: start.header, sync: .random(), compression: .zstd(level: 1))
        writer.encodeStart(metadata: start.metadata)
        let output = Output(file, writer)
        try output.write()
        outputs[number] = output
        return output
    }

    private func numbered(_ number: Int) -> String {
        guard name.hasSuffix(SegmentName.fileExtension) else { return "\(name)-\(number)" }
        return name.dropLast(SegmentName.fileExtension.count) + "-\(number)" + SegmentName.fileExtension
    }
}
