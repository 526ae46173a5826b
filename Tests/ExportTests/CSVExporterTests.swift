import Backplane
import Capture
import Testing

@testable import Export

@Suite struct CSVExporterTests {
    private func row(_ payload: [UInt8]) -> String {
        var output: [UInt8] = []
        payload.withUnsafeBytes {
            CSVExporter().append(
                CapturedEnvelope(channel: "ch,at", receivedAt: 1_700_000_000_000_000_000, payload: $0), to: &output)
        }
        return String(decoding: output, as: UTF8.self)
    }

    private func payload(_ messages: [Message]) -> [UInt8] {
        Envelope(
            id: 7,
            body: ScaleoutMessage(
                messages: messages, createdTicks: DotNetTicks(unixNanoseconds: 1_600_000_000_000_000_000).rawValue)
        ).encoded()
    }

    @Test func header() {
        var output: [UInt8] = []
        CSVExporter().begin(into: &output)
        #expect(String(decoding: output, as: UTF8.self) == CSVExporter.columns.joined(separator: ",") + "\r\n")
    }

    @Test func fieldsAreQuotedIfNecessary() {
        let message = Message(
            source: "s", key: "h-chatHub", value: Array(#"{"H":"chatHub","M":"say","A":["a\nb"]}"#.utf8), filter: "x\ny"
        )
        #expect(
            row(payload([message]))
                == #""ch,at",7,2023-11-14T22:13:20.000000000Z,2020-09-13T12:26:40.000000000Z,s,h-chatHub,hub,chatHub,say,"#
                + #""{""H"":""chatHub"",""M"":""say"",""A"":[""a\nb""]}",,,false,false,"x"# + "\n" + #"y",,,"# + "\r\n")
    }

    @Test func oneRowPerMessage() {
        let messages = ["a", "b"].map { Message(source: "s", key: "h-x", value: Array($0.utf8)) }
        #expect(row(payload(messages)).split(separator: "\r\n").count == 2)
    }

    @Test func binaryDataIsBase64() {
        let message = Message(
            source: "s", key: "k", value: [0xFF, 0x00], commandID: "c", waitForAck: true, isAck: true)
        #expect(row(payload([message])).hasSuffix(",k,ack,,,,/wA=,c,true,true,,,,\r\n"))
    }

    @Test func anUndecodablePayloadIsExportedAsAWhole() {
        let row = row(Array("9 x".utf8))
        #expect(row.hasPrefix(#""ch,at",9,2023-11-14T22:13:20.000000000Z,,,,,,,,OSB4,,,,,"#))
        #expect(row.contains("not a SignalR envelope"))
    }
}
