import Backplane
import Capture
import Cryptography
import NIOCore
import Redis

/// Commands that publish each envelope: for SignalR 2 with the node's own script, with ids assigned by the server; for
/// ASP.NET Core by PUBLISH on its original Redis channel. The file is for `redis-cli --pipe` and needs no program of
/// ours.
struct RESPExporter: Exporter {
    private(set) var skipped = 0
    private let sha1: String
    private let loadsScript: Bool

    /// - Parameter loadsScript: false if there is nothing from SignalR 2.
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
