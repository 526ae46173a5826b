import Backplane
import MCAP
package import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Start, maintenance and close of the open segment.
extension CaptureWriter {
    /// Closes the open segment and starts the next one.
    package mutating func rotateNow(_ now: Moment) throws(CaptureError) {
        try close(now, .goesOn)
        _ = try openedSegment(now)
    }

    /// Sets the server of the next segment, while none is open.
    package mutating func setServer(runID: String?, redisVersion: String?) {
        source.runID = runID
        source.redisVersion = redisVersion
    }

    /// Checks that the open segment's file still has what was written; otherwise abandons it and records the loss.
    mutating func examineFile(byName: Bool, _ now: Moment) {
        guard let segment else { return }
        if byName { lookedAt = now.monotonic }
        let cause: SegmentLoss.Cause
        var left: UInt64 = 0
        switch segment.file.standing(expectedSize: segment.writer.fileSize, byName: byName) {
        case .whole: return
        case .removed: cause = .removed
        case .moved: cause = .moved
        case .cut(let size):
            cause = .truncated
            left = size
        }
        let lost = segment.lost(behind: left)
        if cause == .moved {
            // The file is intact wherever it is, so it gets its summary.
            try? finish(segment, .goesOn, now)
        }
        let name = segment.file.name
        abandonSegment()
        for event in lost.events { append(event, at: now) }
        for (channel, tally) in zip(configuration.channels, lost.envelopes) where tally.envelopes > 0 {
            for event in CaptureEvent.lost(channel: channel, tally, cause: cause, segment: name) {
                append(event, at: now)
            }
        }
        observer.segmentLost(SegmentLoss(path: segment.file.path, cause: cause, lost: lost.envelopes))
    }

    /// The server was (re)connected. A different run_id starts a new segment, so that each segment is from one server
    /// process.
    package mutating func connected(runID: String?, redisVersion: String?, at now: Moment) throws(CaptureError) {
        if runID != source.runID, segment != nil {
            try flush(now)
            try closeSegment(.goesOn, now)
        }
        source.runID = runID
        source.redisVersion = redisVersion
        _ = try openedSegment(now)
    }

    mutating func rotateIfDue(_ now: Moment) throws(CaptureError) {
        guard let segment, let openedAt = segmentAge else { return }
        let age = now.monotonic > openedAt ? now.monotonic - openedAt : 0
        let isDue = configuration.rotation.isDue(
            size: segment.writer.fileSize, indexSize: segment.writer.indexSize, age: age)
        guard isDue else { return }
        // A flush returns here with an empty chunk.
        guard chunk.isEmpty else { return try flush(now) }
        try closeSegment(.goesOn, now)
        _ = try openedSegment(now)
    }

    mutating func openedSegment(_ now: Moment) throws(CaptureError) -> OpenSegment {
        if let segment { return segment }
        return try openSegment(now)
    }

    private mutating func openSegment(_ now: Moment) throws(CaptureError) -> OpenSegment {
        // Segments started in the same millisecond need different names; many in a row would mean that time stands
        // still.
        var stamp = now.realtime
        var created: SegmentFile?
        var name = ""
        for _ in 0..<1_000 where created == nil {
            name = SegmentName.make(channels: configuration.channels, start: stamp)
            created = try createFile(name)
            stamp += 1_000_000
        }
        guard let file = created else {
            throw .system(operation: "create", path: configuration.directory + "/" + name, errno: EEXIST)
        }
        var writer = MCAPWriter(
            header: Header(profile: CaptureMetadata.profile, library: "backplane-relay/\(source.relayVersion)"),
            sync: SyncMarker.random(), compression: configuration.compression)
        writer.encodeStart(metadata: [
            CaptureMetadata.start(
                source: source, recordingID: recordingID, channels: configuration.backplanes, ends: writtenEnds,
                previousSegment: previousSegment, at: now)
        ])
        let opened = OpenSegment(
            file: file, openedAt: now.monotonic, writer: writer, channels: configuration.channels.count)
        do throws(CaptureError) {
            _ = try opened.writeEncoded()
        } catch {
            // It contains nothing of value, and an empty file would only confuse.
            unlink(file.path)
            throw error
        }
        if configuration.durability != .never { CaptureDirectory.sync(configuration.directory) }
        let previous = previousSegment
        segment = opened
        previousSegment = name
        observer.segmentOpened(path: file.path)
        append(.segment(name, previous: previous), at: now)
        return opened
    }

    private func createFile(_ name: String) throws(CaptureError) -> SegmentFile? {
        let path = configuration.directory + "/" + name
        do {
            return try SegmentFile.create(path: path)
        } catch .system(_, _, ENOENT) {
            // The directory was removed.
            try CaptureDirectory.make(configuration.directory)
            return try SegmentFile.create(path: path)
        }
    }

    /// Closes the open segment with its summary.
    mutating func closeSegment(_ ending: SegmentEnding, _ now: Moment) throws(CaptureError) {
        guard let closing = segment else { return }
        do throws(CaptureError) {
            try finish(closing, ending, now)
            if configuration.durability != .never { try sync() }
        } catch {
            abandonSegment()
            throw error
        }
        abandonSegment()
    }

    private func finish(_ segment: OpenSegment, _ ending: SegmentEnding, _ now: Moment) throws(CaptureError) {
        var firstIDs: OrdinalNameMap<UInt64> = [:]
        for (name, id) in zip(configuration.channels, segment.firstIDs) { if let id { firstIDs[name] = id } }
        segment.writer.encodeEnd(metadata: [
            CaptureMetadata.end(
                total: segment.total, firstIDs: firstIDs, ends: writtenEnds, missing: segment.missing,
                missingTruncated: segment.missingTruncated, ending: ending, at: now)
        ])
        _ = try segment.writeEncoded()
    }

    /// Releases a segment that is closed or no longer writable; its data up to the last complete flush stays readable.
    mutating func abandonSegment() {
        guard let path = segment?.file.path else { return }
        segment = nil
        unsyncedSince = nil
        observer.segmentEnded(path: path)
    }

    /// Flushes and closes. The writer can be used again and then starts a new segment.
    ///
    /// - Parameter ending: recorded in the segment.
    package mutating func close(
        _ now: Moment, _ ending: SegmentEnding = .stopped(checkedIDs: [:])
    ) throws(CaptureError) {
        try flush(now)
        examineFile(byName: true, now)
        // A loss found now is recorded in a new segment.
        try flush(now)
        try closeSegment(ending, now)
    }
}

/// What is lost of the open segment because its file was changed from outside.
package struct SegmentLoss: Sendable, Equatable {
    /// Why the segment could not be written on.
    package enum Cause: String, Sendable, CaseIterable {
        /// The file was deleted or replaced.
        case removed = "segment_removed"
        /// The file was cut.
        case truncated = "segment_truncated"
        /// The file or its directory was renamed: intact, but no longer in the capture.
        case moved = "segment_moved"
    }

    /// Of the open segment, as it was created.
    package var path: String
    /// What was done to the file.
    package var cause: Cause
    /// By channel index.
    package var lost: [ChannelTally]

    /// Envelopes that were lost with it.
    package var envelopes: Int { lost.reduce(0) { $0 + $1.envelopes } }
}
