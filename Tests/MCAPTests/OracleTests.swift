import Testing

@testable import MCAP

/// Independent programs read the files after every write.
@Suite(.enabled(if: Oracle.isAvailable, Comment(rawValue: Oracle.missing ?? "")))
struct OracleTests {
    /// Prints one line per message of each file, read with all checks: once through the index, once as a stream.
    private static let reader = """
        import sys
        from mcap.reader import make_reader, NonSeekingReader
        for path in sys.argv[1:]:
            for kind in make_reader, NonSeekingReader:
                with open(path, "rb") as file:
                    for _, channel, message in kind(file, validate_crcs=True).iter_messages(log_time_order=False):
                        print(channel.topic, channel.message_encoding, message.channel_id, message.sequence,
                              message.log_time, message.publish_time, message.data.hex())
                print("end of", kind.__name__)
        """

    /// Python's expected output for files with these messages.
    private static func expected(_ files: [[TestMessage]]) -> [String] {
        files.flatMap {
            lines($0) + ["end of make_reader"] + lines($0) + ["end of NonSeekingReader"]
        }
    }

    /// The last line of doctor's report for a valid file.
    private static let soundReport = "\"errors\":0,\"warnings\":0"

    private func read(_ paths: [String]) throws -> [String] {
        try Oracle.python(Self.reader, paths).split(separator: "\n").map(String.init)
    }

    private static func lines(_ messages: [TestMessage]) -> [String] {
        let channels = Dictionary(uniqueKeysWithValues: TestMessage.channels.map { ($0.id, $0) })
        return messages.map { message in
            let channel = channels[message.channelID]
            let hex = message.data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            return "\(channel?.topic ?? "") \(channel?.messageEncoding ?? "") \(message.channelID) \(message.sequence) "
                + "\(message.logTime) \(message.publishTime) \(hex)"
        }
    }

    @Test(arguments: [Compression.none, .zstd(level: 1)])
    func everyStateIsReadByPython(compression: Compression) throws {
        try Oracle.require()
        let chunks = TestMessage.chunks(3, messagesEach: 20, dataSize: 0...300, seed: 91)
        let recording = Recording(chunks, compression: compression, closed: true)
        // State 0 is the start, the last one is the closed file.
        let held = recording.states.indices.map { Array(chunks.prefix($0).joined()) }
        try Oracle.withFiles(recording.states) { paths in
            let lines = try read(paths)
            #expect(lines == Self.expected(held))
        }
    }

    @Test(arguments: [Compression.none, .zstd(level: 1)])
    func doctorFindsNoError(compression: Compression) throws {
        try Oracle.require()
        let chunks = TestMessage.chunks(3, messagesEach: 20, dataSize: 20...300, seed: 92)
        let recording = Recording(chunks, compression: compression, closed: true)
        try Oracle.withFiles(recording.states) { paths in
            for path in paths {
                let report = try Oracle.doctor(path)
                #expect(report.contains(Self.soundReport), "\(report)")
            }
        }
    }

    /// A valid file except for one message published after it was received.
    @Test func doctorReportsAreDetected() throws {
        try Oracle.require()
        var chunks = TestMessage.chunks(1, messagesEach: 20, dataSize: 20...300, seed: 93)
        chunks[0][3].publishTime = chunks[0][3].logTime + 1
        let recording = Recording(chunks, compression: .none, closed: true)
        try Oracle.withFiles([recording.bytes]) { paths in
            let report = try Oracle.doctor(paths[0])
            #expect(report.contains(Self.soundReport) == false, "\(report)")
        }
    }

    @Test func doctorFindsErrorsInDamagedFiles() throws {
        try Oracle.require()
        let chunks = TestMessage.chunks(1, messagesEach: 20, dataSize: 20...300, seed: 93)
        let recording = Recording(chunks, compression: .none, closed: true)
        var bytes = recording.bytes
        bytes[recording.chunkRanges[0].upperBound - 1] ^= 1
        try Oracle.withFiles([bytes]) { paths in
            _ = #expect(throws: Oracle.Failure.self) { try Oracle.doctor(paths[0]) }
        }
    }

    @Test func resumedAndCopiedFilesAreValid() throws {
        try Oracle.require()
        let chunks = TestMessage.chunks(2, messagesEach: 20, dataSize: 20...300, seed: 94)
        let recording = Recording(chunks, compression: .zstd(level: 1), closed: true)
        // Cut within the last chunk's message indexes.
        let cut = recording.chunkRanges[1].upperBound + 40
        var bytes = Array(recording.bytes[..<cut])
        var writer = try MCAPWriter(resuming: Recovery.scan(MemorySource(bytes)), compression: .none)
        writer.encodeEnd(metadata: [Recording.endMetadata])
        bytes.write(writer.output, at: writer.outputOffset)
        writer.commit()
        #expect(bytes.count == Int(writer.fileSize))

        var copyWriter = MCAPWriter(header: Recording.header, sync: Recording.sync, compression: .none)
        var copy: [UInt8] = []
        copyWriter.encodeStart(metadata: [])
        copy.write(copyWriter.output, at: copyWriter.outputOffset)
        copyWriter.commit()
        let reader = MCAPStreamReader(MemorySource(bytes))
        while let item = try reader.next() {
            guard case .chunk(let chunk) = item else { continue }
            try copyWriter.encodeCopy(of: chunk)
            copy.write(copyWriter.output, at: copyWriter.outputOffset)
            copyWriter.commit()
        }
        copyWriter.encodeEnd(metadata: [])
        copy.write(copyWriter.output, at: copyWriter.outputOffset)
        copyWriter.commit()

        for file in [bytes, copy] {
            try Oracle.withFiles([file]) { paths in
                let report = try Oracle.doctor(paths[0])
                #expect(report.contains(Self.soundReport), "\(report)")
                let lines = try read(paths)
                #expect(lines == Self.expected([chunks.flatMap { $0 }]))
            }
        }
    }
}
