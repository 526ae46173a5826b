import Backplane
import MCAP

/// Reads a capture item by item, with one chunk in memory.
final class CaptureCursor {
    enum Item {
        case envelope(channel: String, form: EnvelopeForm, id: UInt64?, receivedAt: UInt64, payload: [UInt8])
        case event(CaptureEvent, at: UInt64)

        var time: UInt64 {
            switch self {
            case .envelope(_, _, _, let time, _): time
            case .event(_, let time): time
            }
        }
    }

    private var segments: ArraySlice<CaptureSegment>
    private let matcher: EnvelopeMatcher
    private var reader: MCAPStreamReader?
    /// The current segment, whether a relay is writing it, and the end of its chunks so far.
    private var entry: (segment: CaptureReadReport.Segment, isLive: Bool, done: UInt64)?
    private var finished: [CaptureReadReport.Segment] = []
    private var items: [Item] = []
    private var position = 0
    private var finishedDamage: [CaptureReadReport.SegmentDamage] = []
    /// Receives the number of bytes read since the last call.
    private let advanced: ((UInt64) -> Void)?

    /// - Parameter recording: consecutive segments.
    init(
        _ recording: [CaptureSegment], _ selection: CaptureSelection = .all, advanced: ((UInt64) -> Void)? = nil
    ) {
        segments = recording[...]
        matcher = EnvelopeMatcher(selection)
        self.advanced = advanced
    }

    /// The finished segments and the current one.
    var read: [CaptureReadReport.Segment] { finished + (entry.map { [$0.segment] } ?? []) }

    var damage: [CaptureReadReport.SegmentDamage] {
        guard let reader, let path = entry?.segment.path else { return finishedDamage }
        return finishedDamage + reader.damages.map { CaptureReadReport.SegmentDamage(path: path, damage: $0) }
    }

    /// The next item, without consuming it.
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

    /// - Returns: false at the end of the recording.
    private func readChunk() throws -> Bool {
        items.removeAll(keepingCapacity: true)
        position = 0
        while true {
            if reader == nil {
                guard let segment = segments.popFirst() else { return false }
                let (source, isLive) = try segment.open()
                let state = CaptureReadReport.Segment.State.closed
                entry = (.init(path: segment.path, size: segment.size, state: state), isLive, 0)
                reader = MCAPStreamReader(source, tailMayGrow: isLive)
            }
            switch try reader?.next() {
            case .chunk(let chunk)?:
                take(chunk)
                advance(to: chunk.offset + chunk.length)
                return true
            case .header?: break
            case .metadata(let metadata)?:
                if metadata.name == CaptureMetadata.endName {
                    entry?.segment.ending = CaptureMetadata.ending(in: metadata.entries)
                }
            case .end(let ending)?: finish(ending)
            case nil: finish(.closed)
            }
        }
    }

    private func finish(_ ending: Ending) {
        guard let (open, isLive, _) = entry else { return }
        var segment = open
        advance(to: segment.size)
        segment.state = CaptureReadReport.Segment.State(ending, isLive: isLive)
        finishedDamage = damage
        finished.append(segment)
        (entry, reader) = (nil, nil)
    }

    private func advance(to offset: UInt64) {
        guard let done = entry?.done, offset > done else { return }
        advanced?(offset - done)
        entry?.done = offset
    }

    private func take(_ chunk: DecodedChunk) {
        chunk.forEachMessage { (message: ChunkMessage) in
            guard let channel = chunk.channels[message.channelID], matcher.selects(receivedAt: message.logTime) else {
                return
            }
            if let form = channel.form {
                guard matcher.selects(channel: channel.topic), matcher.selects(payload: message.data, form) else {
                    return
                }
                entry?.segment.envelopes += 1
                items.append(
                    .envelope(
                        channel: channel.topic, form: form,
                        id: form == .signalR2 ? try? EnvelopeID.parse(message.data).id : nil,
                        receivedAt: message.logTime, payload: Array(message.data)))
            } else if channel.topic == CaptureMetadata.eventsTopic, let event = CaptureEvent(json: message.data) {
                if let name = event.channel, !matcher.selects(channel: name) { return }
                items.append(.event(event, at: message.logTime))
            }
        }
    }
}
