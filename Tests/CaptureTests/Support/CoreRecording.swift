import Backplane
import Foundation
import MCAP
import TestSupport
import Testing
import Time

@testable import Capture

/// Payloads of real ASP.NET Core nodes, as a capture.
enum CoreRecording {
    /// All vectors, each setting as a hub, with an envelope of SignalR 2 before each.
    static func record(
        _ directory: String, mixed: Bool = true, compression: Compression = .zstd(level: 1)
    ) throws -> [CoreVectors] {
        let vectors = try CoreVectors.all()
        let channels = (mixed ? [.signalR2(key: "chat")] : []) + vectors.map { BackplaneChannel.core($0.hub) }
        var writer = CaptureWriter(
            configuration: .init(
                directory: directory, backplanes: channels, compression: compression, durability: .never),
            source: testSource, previous: .init(), observer: WriterLog())
        var now = Moment.start
        var id: UInt64 = 0
        for (index, setting) in vectors.enumerated() {
            for vector in setting.payloads {
                if mixed {
                    id += 1
                    writer.append(payload(id), channel: 0, at: now)
                }
                let channel = index + (mixed ? 1 : 0)
                vector.record.withUnsafeBytes {
                    writer.append(
                        channel: channel, id: nil, publishTime: nil, receivedAt: now.realtime, payload: $0, at: now)
                }
                now = now.after(milliseconds: 1)
                if id % 20 == 0 { try writer.flush(now) }
            }
        }
        try writer.close(now)
        return vectors
    }

    static func json(_ envelope: Reading.Envelope, _ form: EnvelopeForm) throws -> [String: Any] {
        var line: [UInt8] = []
        envelope.payload.withUnsafeBytes {
            EnvelopeJSON.append(
                CapturedEnvelope(
                    channel: envelope.channel, form: form, receivedAt: envelope.receivedAt, payload: $0), to: &line)
        }
        #expect(!line.contains(UInt8(ascii: "\n")))
        return try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
    }
}
