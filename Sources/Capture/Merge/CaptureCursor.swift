import MCAP
import SignalRBackplane

/// Reads a capture item by item, a chunk in memory at a time.
final class CaptureCursor {
    enum Item {
        case envelope(channel: String, id: UInt64?, receivedAt: UInt64, payload: [UInt8])
        case event(CaptureEvent, at: UInt64)

        var time: UInt64 {
            switch self {
            case .envelope(_, _, let time, _): time
            case .event(_, let time): time
            }
        }
    }

    private var segments: ArraySlice<CaptureSegment>
    private let matcher: EnvelopeMatcher
    private var reader: (path: String, reader: MCAPStreamReader)?
    private var items: [Item] = []
    private var position = 0
    private(set) var damage: [CaptureReadReport.SegmentDamage] = []

    init(_ capture: CaptureReader, _ selection: CaptureSelection = .all) {
        segments = capture.segments[...]
        matcher = EnvelopeMatcher(selection)
    }

    /// The next one, without taking it.
    func peek() throws -> Item? {
        while position == items.count {
            guard try readChunk() else { return nil }
        }
        return items[position]
    }

    func next() throws -> Item? {
        let item = try peek()
        if item != nil { position += 1 }
        return item
    }

    /// - Returns: false at the end of the capture.
    private func readChunk() throws -> Bool {
        items.removeAll(keepingCapacity: true)
        position = 0
        while true {
            if reader == nil {
                guard let segment = segments.popFirst() else { return false }
                let (source, isLive) = try segment.open()
                reader = (segment.path, MCAPStreamReader(source, tailMayGrow: isLive))
            }
            guard let (path, reader) = reader else { continue }
            switch try reader.next() {
            case .chunk(let chunk)?:
                take(chunk)
                return true
            case .header?, .metadata?: break
            case .end?, nil:
                damage += reader.damages.map { CaptureReadReport.SegmentDamage(path: path, damage: $0) }
                self.reader = nil
            }
        }
    }

    private func take(_ chunk: DecodedChunk) {
        chunk.forEachMessage { (message: MCAP.MessageView) in
            guard let channel = chunk.channels[message.channelID], matcher.selects(receivedAt: message.logTime) else {
                return
            }
            if channel.messageEncoding == CaptureMetadata.envelopeEncoding {
                guard matcher.selects(channel: channel.topic), matcher.selects(payload: message.data) else { return }
                items.append(
                    .envelope(
                        channel: channel.topic, id: try? EnvelopeID.parse(message.data).id,
                        receivedAt: message.logTime, payload: Array(message.data)))
            } else if channel.topic == CaptureMetadata.eventsTopic, let event = CaptureEvent(json: message.data) {
                if let name = event.channel, !matcher.selects(channel: name) { return }
                items.append(.event(event, at: message.logTime))
            }
        }
    }
}
