import Backplane
import Capture
import TestSupport
import Time

/// Captures of ASP.NET Core hubs, written with the product's writer.
enum CoreCaptures {
    private final class Silent: CaptureWriterObserver {
        func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64) {}
        func chunkLeftUncompressed() {}
        func synced(nanoseconds: UInt64) {}
        func segmentOpened(path: String) {}
        func segmentLost(_ loss: SegmentLoss) {}
    }

    /// Content of a capture: an envelope of a hub, or of the event key `chat`.
    enum Item {
        case core(CoreHub, channel: [UInt8], payload: [UInt8])
        case signalR2([UInt8])
    }

    /// A millisecond apart, one chunk per hundred envelopes.
    static func record(
        _ items: [Item], into directory: String, runID: String? = nil, hashesNames: Bool = false,
        startingAfter hours: UInt64 = 0
    ) throws {
        var hubs: [CoreHub] = []
        for case .core(let hub, _, _) in items where !hubs.contains(hub) { hubs.append(hub) }
        let start = Moment(
            realtime: 1_795_383_660_000_000_000 + hours * 3_600_000_000_000, monotonic: 5_000_000_000)
        var writer = CaptureWriter(
            configuration: .init(
                directory: directory, backplanes: [.signalR2(key: "chat")] + hubs.map { .core($0) },
                durability: .never),
            source: CaptureSource(
                relayVersion: "1", host: "h", redis: "r:6379", runID: runID, hashesNames: hashesNames),
            previous: try CaptureDirectory.prepare(directory, at: start) { _ in }, observer: Silent())
        var now = start
        for (index, item) in items.enumerated() {
            let (channel, id, bytes): (Int, UInt64?, [UInt8]) =
                switch item {
                case .signalR2(let payload):
                    (0, payload.withUnsafeBytes { try? EnvelopeID.parse($0).id }, payload)
                case .core(let hub, let channel, let payload):
                    ((hubs.firstIndex(of: hub) ?? 0) + 1, nil, CoreRecord.bytes(channel: channel, payload: payload))
                }
            bytes.withUnsafeBytes {
                writer.append(
                    channel: channel, id: id, publishTime: nil, receivedAt: now.realtime, payload: $0, at: now)
            }
            now = Moment(realtime: now.realtime + 1_000_000, monotonic: now.monotonic + 1_000_000)
            if index % 100 == 99 { try writer.flush(now) }
        }
        try writer.close(now)
    }

    /// All vectors, with an envelope of SignalR 2 after each.
    static func mixed() throws -> [Item] {
        var id: UInt64 = 0
        return try CoreVectors.all().flatMap { setting in
            setting.payloads.flatMap { vector in
                id += 1
                return [
                    Item.core(setting.hub, channel: vector.channel, payload: vector.payload), .signalR2(signalR2(id)),
                ]
            }
        }
    }

    /// - Parameter key: the signal.
    static func signalR2(
        _ id: UInt64, key: String = "h-chatHub", source: String = "s", filter: String = "", commandID: String = "",
        isAck: Bool = false, value: String? = nil
    ) -> [UInt8] {
        let message = Message(
            source: source, key: key, value: Array((value ?? #"{"H":"chatHub","M":"say","A":[\#(id)]}"#).utf8),
            commandID: commandID, isAck: isAck, filter: filter)
        return Envelope(id: id, body: ScaleoutMessage(messages: [message], createdTicks: 639_309_800_000_000_000))
            .encoded()
    }

    /// An invocation with one frame for JSON.
    static func call(_ arguments: String, method: String = "Recv", excluded: [String] = []) -> [UInt8] {
        let frame = #"{"type":1,"target":"\#(method)","arguments":\#(arguments)}"# + "\u{1E}"
        return CoreInvocation(
            excluded: excluded, frames: [.init(protocolName: "json", bytes: Array(frame.utf8))]
        ).encoded()
    }
}
