import Backplane
import MCAP
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Closes a segment whose relay died: behind its last whole chunk, where it stands.
enum OrphanRecovery {
    /// - Returns: what was done, in words; nil for a segment that needs nothing, or that another relay writes.
    /// - Throws: ``CaptureError``; then the file is as it was.
    static func closeIfOrphan(_ path: String, at now: Moment) throws -> String? {
        let source = try FileSource(path: path)
        // Before the lock is asked for: whoever holds that of a closed one has only not let go of it yet.
        if source.size > 0, isClosed(source) { return nil }
        if source.isLive { return "'\(path)' is being recorded by another process" }
        if source.size == 0 {
            // Made and never written to: the relay died in between.
            guard unlink(path) == 0 else { throw CaptureError.system(operation: "remove", path: path, errno: errno) }
            return "removed the empty file '\(path)'"
        }
        let report = try Recovery.scan(source)
        guard report.ending != .closed else { return nil }
        guard report.header?.profile == CaptureMetadata.profile else {
            throw CaptureError.notACapture(path: path, reason: "its profile is not '\(CaptureMetadata.profile)'")
        }
        var writer = try MCAPWriter(resuming: report, compression: .none)
        guard let file = try SegmentFile.reopen(path: path) else { return nil }
        let torn = source.size > writer.fileSize ? source.size - writer.fileSize : 0
        writer.encodeEnd(metadata: [try endMetadata(of: source, report: report, at: now)])
        let size = source.size
        let start = writer.outputOffset
        let before = try tail(of: source, from: start)
        do throws(CaptureError) {
            try file.write(writer.output, at: writer.outputOffset)
            writer.commit()
            try file.truncate(to: writer.fileSize)
            try file.sync()
        } catch {
            // A full disk, perhaps: half of a summary would keep other readers from what is there.
            before.withUnsafeBytes { try? file.write($0, at: start) }
            try? file.truncate(to: size)
            throw error
        }
        return
            "closed '\(path)', which an earlier run left open: \(Quantity.text(report.messageCount, "message")) in \(Quantity.text(report.chunks.count, "chunk"))"
            + (torn > 0 ? ", a torn write of \(Quantity.text(torn, "byte")) cut off" : "")
    }

    /// What stands where the end will be written: the trailer of the last flush, or a torn write.
    private static func tail(of source: FileSource, from offset: UInt64) throws -> [UInt8] {
        guard offset < source.size else { return [] }
        var bytes = [UInt8](repeating: 0, count: Int(source.size - offset))
        let count = try bytes.withUnsafeMutableBytes { try source.read(at: offset, into: $0) }
        return Array(bytes.prefix(count))
    }

    static func isClosed(_ source: FileSource) -> Bool {
        (try? MCAPIndexedReader(source, from: .max)) != nil
    }

    /// Up to where the recording of a segment without an end is accounted for.
    static func ends(of source: FileSource) throws -> RecordingEnds { try contents(of: source).ends }

    /// What the relay would have written at the close.
    private static func endMetadata(
        of source: FileSource, report: ScanReport, at now: Moment
    ) throws -> Metadata {
        let contents = try contents(of: source)
        var total = ChannelTally()
        for tally in contents.tallies.values { total.add(tally) }
        return CaptureMetadata.end(
            total: total, firstIDs: contents.tallies.compactMapValues(\.firstID), ends: contents.ends, missing: nil,
            ending: nil, at: now)
    }

    private struct Contents {
        var ends = RecordingEnds()
        var tallies: OrdinalNameMap<ChannelTally> = [:]
    }

    /// Reads all of it.
    private static func contents(of source: FileSource) throws -> Contents {
        var contents = Contents()
        let reader = MCAPStreamReader(source)
        while let item = try reader.next() {
            if case .metadata(let metadata) = item, metadata.name == CaptureMetadata.startName {
                contents.ends = RecordingEnds(
                    lastIDs: CaptureMetadata.lastIDs(in: metadata.entries),
                    doubts: CaptureMetadata.doubts(in: metadata.entries))
            }
            guard case .chunk(let chunk) = item else { continue }
            chunk.forEachMessage { (message: ChunkMessage) in
                guard let channel = chunk.channels[message.channelID] else { return }
                if channel.messageEncoding == CaptureMetadata.envelopeEncoding {
                    let id = try? EnvelopeID.parse(message.data).id
                    contents.tallies[channel.topic, default: ChannelTally()].add(id: id, bytes: message.data.count)
                    contents.ends.recorded(channel.topic, id: id)
                } else if channel.topic == CaptureMetadata.eventsTopic, let event = CaptureEvent(json: message.data) {
                    contents.ends.note(event)
                }
            }
        }
        return contents
    }
}
