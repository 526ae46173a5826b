import Backplane
import Capture
import Cryptography
import NIOCore
import Redis

/// Commands that publish each envelope: of SignalR 2 by the node's own script, under ids that the server gives, of ASP.NET
/// Core by PUBLISH on the Redis channel that it came on. A file for
/// `redis-cli --pipe`, which needs none of our programs.
struct RESPExporter: Exporter {
    private(set) var skipped = 0
    private let sha1: String
    private let loadsScript: Bool

    /// - Parameter loadsScript: false where nothing is of SignalR 2.
    init(loadsScript: Bool = true) {
        self.loadsScript = loadsScript
        sha1 = SHA1.hash(Array(BackplaneScript.republish.utf8)).hex
    }

    func begin(into output: inout [UInt8]) {
        guard loadsScript else { return }
        append(["SCRIPT", "LOAD", .text(BackplaneScript.republish)], to: &output)
    }

    mutating func append(_ envelope: CapturedEnvelope, to output: inout [UInt8]) {
        if envelope.form != .signalR2 {
            guard let record = try? CoreRecord(envelope.payload) else { return skipped += 1 }
            return append(
                ["PUBLISH", .bytes(Array(record.channel)), .bytes(Array(record.payload))], to: &output)
        }
        guard let blob = Reissue.blob(of: envelope.payload) else { return skipped += 1 }
        append(["EVALSHA", .text(sha1), "1", .text(envelope.channel), .bytes(Array(blob))], to: &output)
    }

    private func append(_ command: [RESPArgument], to output: inout [UInt8]) {
        var buffer = ByteBuffer()
        RESPEncoder.encode(command, into: &buffer)
        output.append(contentsOf: buffer.readableBytesView)
    }
}
