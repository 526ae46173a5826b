import Backplane
import Capture
import Cryptography
import Testing

@testable import Export

@Suite struct RESPExporterTests {
    private static let script = BackplaneScript.republish
    private static let sha1 = SHA1.hash(Array(script.utf8)).hex

    @Test func theScriptIsLoadedFirst() {
        var output: [UInt8] = []
        RESPExporter().begin(into: &output)
        #expect(
            String(decoding: output, as: UTF8.self)
                == "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$\(Self.script.utf8.count)\r\n\(Self.script)\r\n")
    }

    /// A payload, and the argument after the channel; nil if it is not exported.
    static let payloads: [(payload: [UInt8], blob: [UInt8]?)] = {
        let envelope = Envelope(
            id: 41,
            body: ScaleoutMessage(
                messages: [Message(source: "s", key: "h-chatHub", value: Array("ü\r\n".utf8))],
                createdTicks: DotNetTicks(unixNanoseconds: 1_600_000_000_000_000_000).rawValue)
        ).encoded()
        return [
            (envelope, Array(envelope.dropFirst("41 ".utf8.count))),
            (Array("no id".utf8), nil),
            ([], nil),
        ]
    }()

    @Test(arguments: payloads) func eachEnvelopeIsACommandWithoutItsID(payload: [UInt8], blob: [UInt8]?) {
        var exporter = RESPExporter()
        var output: [UInt8] = []
        payload.withUnsafeBytes {
            exporter.append(CapturedEnvelope(channel: "ch", receivedAt: 1, payload: $0), to: &output)
        }
        guard let blob else {
            #expect(output.isEmpty && exporter.skipped == 1)
            return
        }
        let head = "*5\r\n$7\r\nEVALSHA\r\n$40\r\n\(Self.sha1)\r\n$1\r\n1\r\n$2\r\nch\r\n$\(blob.count)\r\n"
        #expect(output == Array(head.utf8) + blob + Array("\r\n".utf8))
        #expect(exporter.skipped == 0)
    }
}
