import Backplane
import MCAP

/// A small capture, created without a relay.
enum PipedCapture {
    static let bytes: [UInt8] = {
        let channel = Channel(id: 1, topic: "chat", messageEncoding: "signalr-redis")
        var file: [UInt8] = []
        func take(_ writer: inout MCAPWriter) {
            file.removeSubrange(min(Int(writer.outputOffset), file.count)...)
            file += Array(writer.output)
            writer.commit()
        }
        var writer = MCAPWriter(
            header: Header(profile: "signalr-backplane", library: "backplane-relay/test"), sync: .random(),
            compression: .zstd(level: 1))
        writer.encodeStart(metadata: [])
        take(&writer)
        for chunk in 0..<3 {
            var builder = ChunkBuilder()
            builder.register(channel)
            for number in 1...10 {
                let id = UInt64(chunk * 10 + number)
                let value = Array(#"{"H":"chatHub","M":"send","A":["\#(id)"]}"#.utf8)
                let body = ScaleoutMessage(
                    messages: [Message(source: "1", key: "h-chatHub", value: value)],
                    createdTicks: 639_309_800_000_000_000 + Int64(id))
                Envelope(id: id, body: body).encoded().withUnsafeBytes {
                    builder.append(
                        channelID: 1, sequence: UInt32(id), logTime: 1_795_383_660_000_000_000 + id,
                        publishTime: 1_795_383_660_000_000_000 + id, data: $0)
                }
            }
            writer.encodeChunk(builder)
            take(&writer)
        }
        writer.encodeEnd(metadata: [])
        take(&writer)
        return file
    }()
}
