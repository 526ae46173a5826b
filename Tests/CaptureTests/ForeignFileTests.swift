import Foundation
import Testing

@testable import Capture

/// Files written by Python's `mcap`, if it is installed.
@Suite(.enabled(if: PythonMCAP.isInstalled)) struct ForeignFileTests {
    private func reading(
        _ options: String, encoding: String = CaptureMetadata.envelopeEncoding, at given: String? = nil,
        filter: CaptureSelection = .all
    ) throws -> Reading {
        let directory = try TemporaryDirectory()
        let path = given ?? directory.path + "/foreign.mcap"
        try PythonMCAP.run(
            """
            import sys
            from mcap.writer import Writer, CompressionType
            with open(sys.argv[1], "wb") as stream:
                writer = Writer(stream, \(options))
                writer.start(profile="", library="python")
                schema = writer.register_schema(name="s", encoding="jsonschema", data=b"{}")
                channel = writer.register_channel(topic="chat", message_encoding=sys.argv[2], schema_id=0)
                other = writer.register_channel(topic="/camera", message_encoding="json", schema_id=schema)
                writer.add_attachment(create_time=1, log_time=1, name="a", media_type="text/plain", data=b"attached")
                for id in range(1, 11):
                    writer.add_message(channel, log_time=id * 1000, publish_time=id, data=b"%d blob" % id)
                    writer.add_message(other, log_time=id * 1000, publish_time=id, data=b"{}")
                writer.finish()
            """, path, encoding)
        return try Reading(path, filter: filter)
    }

    @Test(arguments: [
        "compression=CompressionType.NONE", "compression=CompressionType.ZSTD", "compression=CompressionType.LZ4",
        "use_chunking=False", "compression=CompressionType.LZ4, chunk_size=100",
    ])
    func envelopesAreRead(options: String) throws {
        let reading = try reading(options)
        #expect(reading.ids == (1...10).map { $0 })
        #expect(reading.envelopes.map(\.receivedAt) == (1...10).map { $0 * 1_000 })
        #expect(Set(reading.envelopes.map(\.channel)) == ["chat"])
        #expect(reading.damage == [])
        #expect(reading.report.foreignTopics == ["/camera": 10])
    }

    /// Through the index, if the file has one that lists all messages.
    @Test(arguments: ["compression=CompressionType.LZ4, chunk_size=100", "use_chunking=False"])
    func aRangeIsRead(options: String) throws {
        let reading = try reading(options, filter: CaptureSelection(from: 3_000, until: 6_000))
        #expect(reading.ids == [3, 4, 5])
        #expect(reading.damage == [])
    }

    /// Chunks with lz4 and a schema, or messages without a chunk: chunks cannot be copied.
    @Test(arguments: ["compression=CompressionType.LZ4", "use_chunking=False"])
    func isRecovered(options: String) throws {
        let (source, target) = (try TemporaryDirectory(), try TemporaryDirectory())
        let path = source.path + "/foreign.mcap"
        let whole = try reading(options, at: path)
        let outcome = try CaptureRecovery.recover(path, into: target.path, at: .start)
        #expect(outcome.damage == [])
        #expect(outcome.messages == 20)
        #expect(outcome.withoutSchema > 0)
        let saved = try Reading(target.path)
        #expect(saved.envelopes == whole.envelopes)
        #expect(saved.damage == [])
    }

    @Test func otherChannelsAreSkipped() throws {
        let reading = try reading("compression=CompressionType.NONE", encoding: "json")
        #expect(reading.envelopes.isEmpty)
        #expect(reading.events.isEmpty)
        #expect(reading.damage == [])
    }
}

enum PythonMCAP {
    static let isInstalled = (try? run("import mcap.writer")) != nil

    struct Failure: Error {
        var status: Int32
    }

    static func run(_ script: String, _ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script] + arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
    }
}
