import MCAP
import SignalRBackplane

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
        return "closed '\(path)' after a crash: \(report.messageCount) messages in \(report.chunks.count) chunks"
            + (torn > 0 ? ", a torn write of \(torn) bytes cut off" : "")
    }

    /// What stands where the end will be written: the trailer of the last flush, or a torn write.
    private static func tail(of source: FileSource, from offset: UInt64) throws -> [UInt8] {
        guard offset < source.size else { return [] }
        var bytes = [UInt8](repeating: 0, count: Int(source.size - offset))
        let count = try bytes.withUnsafeMutableBytes { try source.read(at: offset, into: $0) }
        return Array(bytes.prefix(count))
    }

    private static func isClosed(_ source: FileSource) -> Bool {
        (try? MCAPIndexedReader(source, from: .max)) != nil
    }

    /// Last id by Redis channel, of a segment without an end.
    static func lastIDs(of source: FileSource) throws -> OrdinalNameMap<UInt64> {
        let contents = try contents(of: source)
        return lastIDs(since: contents.start, contents.tallies)
    }

    /// What the relay would have written at the close.
    private static func endMetadata(
        of source: FileSource, report: ScanReport, at now: Moment
    ) throws -> Metadata {
        let tallies = try contents(of: source).tallies
        let start = report.metadata.first { $0.name == CaptureMetadata.startName }
        var total = ChannelTally()
        for tally in tallies.values { total.add(tally) }
        return CaptureMetadata.end(
            total: total, firstIDs: tallies.compactMapValues(\.firstID), lastIDs: lastIDs(since: start, tallies),
            missing: nil, at: now)
    }

    private static func lastIDs(since start: Metadata?, _ tallies: OrdinalNameMap<ChannelTally>) -> OrdinalNameMap<UInt64> {
        var lastIDs = start.map { CaptureMetadata.lastIDs(in: $0.entries) } ?? [:]
        for (channel, tally) in tallies { lastIDs[channel] = tally.lastID ?? lastIDs[channel] }
        return lastIDs
    }

    /// Reads all of it.
    private static func contents(
        of source: FileSource
    ) throws -> (start: Metadata?, tallies: OrdinalNameMap<ChannelTally>) {
        var start: Metadata?
        var tallies: OrdinalNameMap<ChannelTally> = [:]
        let reader = MCAPStreamReader(source)
        while let item = try reader.next() {
            if case .metadata(let metadata) = item, metadata.name == CaptureMetadata.startName { start = metadata }
            guard case .chunk(let chunk) = item else { continue }
            chunk.forEachMessage { (message: MCAP.MessageView) in
                guard let channel = chunk.channels[message.channelID],
                    channel.messageEncoding == CaptureMetadata.envelopeEncoding
                else { return }
                let id = try? EnvelopeID.parse(message.data).id
                tallies[channel.topic, default: ChannelTally()].add(id: id, bytes: message.data.count)
            }
        }
        return (start, tallies)
    }
}
