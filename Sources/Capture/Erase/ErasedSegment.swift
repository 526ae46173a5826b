import Backplane
import MCAP
import Time

/// Writes the copy of one segment.
struct ErasedSegment {
    /// What was erased from a channel.
    struct Tally {
        /// Envelopes that were removed, or whose messages were.
        var removed = 0
        var changed = 0
    }

    /// The header of the original, and its metadata records that were not written yet.
    var header = Header(profile: CaptureMetadata.profile, library: "backplane-relay")
    var metadata: [Metadata] = []
    private(set) var tallies: OrdinalNameMap<Tally> = [:]

    private let name: String
    private let directory: String
    private var output: Output?
    /// Envelopes and payload bytes of the original that are not in the new file.
    private var goneEnvelopes = 0
    private var goneBytes = 0
    private var eventsChannel: Channel?
    private var lastChannelID: UInt16 = 0
    private var lastLogTime: UInt64 = 0

    init(name: String, directory: String) {
        self.name = name
        self.directory = directory
    }

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

    /// The new file; created, with the metadata so far, by the first call.
    private mutating func opened() throws -> Output {
        if let output { return output }
        let path = directory + "/" + name
        guard let file = try SegmentFile.create(path: path) else { throw CaptureError.exists(path: path) }
        var writer = MCAPWriter(header: header, sync: .random(), compression: .zstd(level: 1))
        writer.encodeStart(metadata: metadata)
        metadata = []
        let opened = Output(file, writer)
        try opened.write()
        output = opened
        return opened
    }

    /// - Parameter erase: called with each recorded envelope, its form, and its receipt time in nanoseconds since 1970.
    mutating func write(
        _ chunk: DecodedChunk, erase: (UnsafeRawBufferPointer, EnvelopeForm, UInt64) -> EnvelopeEraser.Outcome
    ) throws {
        let output = try opened()
        note(chunk)
        let forms = chunk.channels.compactMapValues(\.form)
        var changes: [Int: EnvelopeEraser.Outcome] = [:]
        var index = 0
        chunk.forEachMessage { (message: ChunkMessage) in
            defer { index += 1 }
            lastLogTime = max(lastLogTime, message.logTime)
            guard let form = forms[message.channelID], let topic = chunk.channels[message.channelID]?.topic else {
                return
            }
            let outcome = erase(message.data, form, message.logTime)
            if case .kept = outcome { return }
            changes[index] = outcome
            count(outcome, topic, message.data.count)
        }
        if changes.isEmpty {
            do {
                try output.writer.encodeCopy(of: chunk)
            } catch MCAPWriteError.chunkNotSelfContained {
                // Another program's chunk, whose channels are described elsewhere in the file.
                guard chunk.messageCount > 0 else { return }
                try output.writer.encodeMessages(of: chunk)
            }
            return try output.write()
        }
        try write(chunk, changes, to: output)
    }

    private mutating func note(_ chunk: DecodedChunk) {
        for channel in chunk.channels.values {
            lastChannelID = max(lastChannelID, channel.id)
            if channel.topic == CaptureMetadata.eventsTopic { eventsChannel = channel }
        }
    }

    private mutating func count(_ outcome: EnvelopeEraser.Outcome, _ topic: String, _ bytes: Int) {
        switch outcome {
        case .kept: break
        case .changed(let left, let removed):
            goneBytes += bytes - left.count
            if removed > 0 {
                tallies[topic, default: Tally()].removed += 1
            } else {
                tallies[topic, default: Tally()].changed += 1
            }
        case .removed:
            goneEnvelopes += 1
            goneBytes += bytes
            tallies[topic, default: Tally()].removed += 1
        }
    }

    private func write(_ chunk: DecodedChunk, _ changes: [Int: EnvelopeEraser.Outcome], to output: Output) throws {
        var builder = ChunkBuilder()
        for var channel in chunk.channels.values.sorted(by: { $0.id < $1.id }) {
            let schema = chunk.schemas[channel.schemaID]
            if schema == nil { channel.schemaID = 0 }
            builder.register(channel, schema: schema)
        }
        var index = 0
        chunk.forEachMessage { (message: ChunkMessage) in
            defer { index += 1 }
            func append(_ data: UnsafeRawBufferPointer) {
                builder.append(
                    channelID: message.channelID, sequence: message.sequence, logTime: message.logTime,
                    publishTime: message.publishTime, data: data)
            }
            switch changes[index] {
            case nil, .kept?: append(message.data)
            case .changed(let left, _)?: left.withUnsafeBytes { append($0) }
            case .removed?: break
            }
        }
        guard !builder.isEmpty else { return }
        output.writer.encodeChunk(builder)
        try output.write()
    }

    /// Writes the counts of the erased data and closes the file.
    ///
    /// - Parameters:
    ///   - parts: what was erased from this segment.
    ///   - damages: number of places of the original that could not be read.
    mutating func close(
        parts: [ErasedPart: Int], relayVersion: String, damages: Int, at now: Moment
    ) throws {
        let output = try opened()
        try writeEvents(to: output)
        var entries = [
            CaptureMetadata.Key.erasedAt: UTCTime.rfc3339(now.realtime),
            CaptureMetadata.Key.relayVersion: relayVersion,
            CaptureMetadata.Key.removed: "\(tallies.values.reduce(0) { $0 + $1.removed })",
            CaptureMetadata.Key.changed: "\(tallies.values.reduce(0) { $0 + $1.changed })",
        ]
        for (part, count) in parts { entries[part.rawValue] = "\(count)" }
        if damages > 0 { entries[CaptureMetadata.Key.damages] = "\(damages)" }
        output.writer.encodeEnd(
            metadata: metadata.map(corrected) + [Metadata(name: CaptureMetadata.erasedName, entries: entries)])
        try output.write()
        try output.file.sync()
    }

    private func writeEvents(to output: Output) throws {
        guard !tallies.isEmpty, lastChannelID < .max else { return }
        let channel =
            eventsChannel
            ?? Channel(
                id: lastChannelID + 1, topic: CaptureMetadata.eventsTopic,
                messageEncoding: CaptureMetadata.eventsEncoding)
        var builder = ChunkBuilder()
        builder.register(channel)
        for (topic, tally) in tallies.sorted(by: { $0.key < $1.key }) {
            for event in CaptureEvent.erased(channel: topic, removed: tally.removed, changed: tally.changed) {
                event.json().withUnsafeBytes {
                    builder.append(
                        channelID: channel.id, sequence: 0, logTime: lastLogTime, publishTime: lastLogTime, data: $0)
                }
            }
        }
        output.writer.encodeChunk(builder)
        try output.write()
    }

    /// Reduces the totals of the original by what was erased.
    private func corrected(_ metadata: Metadata) -> Metadata {
        guard metadata.name == CaptureMetadata.endName else { return metadata }
        var metadata = metadata
        for (key, gone) in [(CaptureMetadata.Key.envelopes, goneEnvelopes), (CaptureMetadata.Key.bytes, goneBytes)] {
            if let total = metadata.entries[key].flatMap({ Int($0) }) { metadata.entries[key] = "\(total - gone)" }
        }
        return metadata
    }
}
