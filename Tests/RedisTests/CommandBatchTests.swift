import NIOCore
import Redis
import Testing

@Suite struct CommandBatchTests {
    private func append(_ blob: [UInt8], on channel: String, to batch: inout CommandBatch) {
        blob.withUnsafeBytes { batch.append(channel: channel, blob: $0) }
    }

    @Test func literalCommands() {
        var batch = CommandBatch(sha1: "abc123")
        #expect(batch.count == 0 && batch.bytes.readableBytes == 0)
        append(Array("a\r\nb".utf8), on: "chat", to: &batch)
        append([], on: "zürich", to: &batch)
        #expect(batch.count == 2)
        #expect(
            String(buffer: batch.bytes)
                == "*5\r\n$7\r\nEVALSHA\r\n$6\r\nabc123\r\n$1\r\n1\r\n$4\r\nchat\r\n$4\r\na\r\nb\r\n"
                + "*5\r\n$7\r\nEVALSHA\r\n$6\r\nabc123\r\n$1\r\n1\r\n$7\r\nzürich\r\n$0\r\n\r\n")
    }

    @Test func trackedAndNumbered() {
        var batch = CommandBatch(sha1: "s", progressKey: "key", isNumbered: true)
        Array("7 x".utf8).withUnsafeBytes { batch.append(channel: "c", blob: $0, id: 7, ordinal: 12) }
        #expect(
            String(buffer: batch.bytes)
                == "*8\r\n$7\r\nEVALSHA\r\n$1\r\ns\r\n$1\r\n2\r\n$1\r\nc\r\n$3\r\nkey\r\n$3\r\n7 x\r\n$1\r\n7\r\n$2\r\n12\r\n"
        )
    }

    @Test func anyBytes() {
        var batch = CommandBatch(sha1: "s")
        append([0x00, 0xFF, 0x80], on: "c", to: &batch)
        #expect(
            Array(batch.bytes.readableBytesView)
                == Array("*5\r\n$7\r\nEVALSHA\r\n$1\r\ns\r\n$1\r\n1\r\n$1\r\nc\r\n$3\r\n".utf8) + [0x00, 0xFF, 0x80]
                + Array("\r\n".utf8))
    }

    @Test func clearingKeepsBytesBeingSent() {
        var batch = CommandBatch(sha1: "s")
        append(Array("first".utf8), on: "c", to: &batch)
        let sent = batch.bytes
        let copy = String(buffer: sent)
        batch.clear()
        #expect(batch.count == 0 && batch.bytes.readableBytes == 0)
        append(Array("other".utf8), on: "c", to: &batch)
        #expect(String(buffer: sent) == copy)
        #expect(String(buffer: batch.bytes) == copy.replacing("first", with: "other"))
    }
}
