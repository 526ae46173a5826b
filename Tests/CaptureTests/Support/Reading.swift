import Backplane
import MCAP

@testable import Capture

/// The complete content of a capture.
struct Reading {
    struct Envelope: Equatable {
        var channel: String
        var receivedAt: UInt64
        var payload: [UInt8]

        var id: UInt64? { payload.withUnsafeBytes { try? EnvelopeID.parse($0).id } }
    }

    var envelopes: [Envelope] = []
    var events: [CaptureEvent] = []
    var report = CaptureReadReport()

    init(_ paths: String..., filter: CaptureSelection = .all) throws {
        report = try CaptureReader(paths: paths).forEach(filter) { item in
            switch item {
            case .envelope(let envelope):
                envelopes.append(
                    Envelope(
                        channel: envelope.channel, receivedAt: envelope.receivedAt, payload: Array(envelope.payload)))
            case .event(let event, _): events.append(event)
            }
        }
    }

    var ids: [UInt64?] { envelopes.map(\.id) }
    var damage: [String] { report.damage.map(\.description) }
    var states: [CaptureReadReport.Segment.State] { report.segments.map(\.state) }
}

/// A chunk as stored in a file.
struct PlacedChunk {
    /// The offset after its last byte, from the start of the file.
    var end: UInt64
    var envelopes: [[UInt8]] = []
    var events = 0
    var logTimes: [UInt64] = []
    var compression: String
}

func chunks(in bytes: [UInt8]) throws -> [PlacedChunk] {
    let reader = MCAPStreamReader(MemorySource(bytes))
    var chunks: [PlacedChunk] = []
    while let item = try reader.next() {
        guard case .chunk(let chunk) = item else { continue }
        var placed = PlacedChunk(end: chunk.offset + chunk.length, compression: chunk.compression)
        chunk.forEachMessage { (message: ChunkMessage) in
            placed.logTimes.append(message.logTime)
            if chunk.channels[message.channelID]?.topic == CaptureMetadata.eventsTopic {
                placed.events += 1
            } else {
                placed.envelopes.append(Array(message.data))
            }
        }
        chunks.append(placed)
    }
    return chunks
}

/// A metadata record of a file.
func metadata(_ name: String, in bytes: [UInt8]) throws -> [String: String]? {
    let reader = MCAPStreamReader(MemorySource(bytes))
    while let item = try reader.next() {
        if case .metadata(let metadata) = item, metadata.name == name { return metadata.entries }
    }
    return nil
}
