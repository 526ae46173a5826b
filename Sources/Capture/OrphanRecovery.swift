import Backplane
import MCAP
package import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Closes a segment whose relay died, in place, after its last intact chunk.
enum OrphanRecovery {
    /// - Returns: what was done, as a sentence; nil if nothing was needed, or another relay is writing it.
    /// - Throws: ``CaptureError``; the file is then unchanged.
    static func closeIfOrphan(_ path: String, at now: Moment) throws -> String? {
        let source = try FileSource(path: path)
        // Checked before locking: the lock of a closed segment may merely not be released yet.
        if source.size > 0, isClosed(source) { return nil }
        if source.isLive { return "'\(path)' is being recorded by another process" }
        if source.size == 0 {
            // Created and never written: the relay died in between.
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
            // Possibly a full disk: half a summary would hide the data from other readers.
            before.withUnsafeBytes { try? file.write($0, at: start) }
            try? file.truncate(to: size)
            throw error
        }
        return
            "closed '\(path)', which an earlier run left open: \(Quantity.text(report.messageCount, "message")) in \(Quantity.text(report.chunks.count, "chunk"))"
            + (torn > 0 ? ", a torn write of \(Quantity.text(torn, "byte")) cut off" : "")
    }

    /// The bytes where the end will be written: the trailer of the last flush, or a torn write.
    private static func tail(of source: FileSource, from offset: UInt64) throws -> [UInt8] {
        guard offset < source.size else { return [] }
        var bytes = [UInt8](repeating: 0, count: Int(source.size - offset))
        let count = try bytes.withUnsafeMutableBytes { try source.read(at: offset, into: $0) }
        return Array(bytes.prefix(count))
    }

    static func isClosed(_ source: FileSource) -> Bool {
        (try? MCAPIndexedReader(source, from: .max)) != nil
    }

    /// Up to which id a segment without an end is accounted for.
    static func ends(of source: FileSource) throws -> RecordingEnds { try contents(of: source).ends }

    /// The record that the relay would have written at the close.
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

    /// Reads the whole segment.
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

/// A segment that its relay could not close.
package enum AbandonedSegment {
    /// Closes it after its last intact chunk, as the next start would.
    ///
    /// - Returns: what was done, as a sentence; nil if nothing was needed, or it is being written.
    /// - Throws: ``CaptureError``; the file is then unchanged.
    package static func close(_ path: String, at now: Moment) throws -> String? {
        try OrphanRecovery.closeIfOrphan(path, at: now)
    }
}
