import Foundation
import TestSupport
import Testing

@testable import Redis

/// Everything that a ``ReplicationStream`` extracts from bytes.
struct StreamReading: Equatable {
    var events: [ReplicationStream.Event] = []
    var envelopes: [ReceivedEnvelope] = []
    var offset: Int64 = 0
    var counts = CommandCounts()
    var transferBytes: Int64 = 0
    var problem: String?

    /// What is wanted in the tests of streams.
    static let names = SubscribedName.plain(["chat", "orders"])

    /// Feeds the pieces to a new stream, up to the first problem.
    init(of pieces: some Sequence<ArraySlice<UInt8>>, from offset: Int64 = 0, names: [SubscribedName] = Self.names) {
        var stream = ReplicationStream(offset: offset, names: names, header: .readable)
        let batch = EnvelopeBatch()
        stream.batch = batch
        for piece in pieces {
            problem = piece.withUnsafeBytes { stream.feed($0) }
            events += stream.takeEvents()
            if problem != nil { break }
        }
        envelopes = batch.envelopes
        self.offset = stream.offset
        counts = stream.counts
        transferBytes = stream.transferBytes
    }

    init(of bytes: [UInt8], from offset: Int64 = 0, names: [SubscribedName] = Self.names) {
        self.init(of: [bytes[...]], from: offset, names: names)
    }

    init(ofCommands text: String, names: [SubscribedName] = Self.names) {
        self.init(of: Array("+CONTINUE\r\n\(text)".utf8), names: names)
    }
}

extension CommandCounts {
    init(_ counts: [TapFigures.CommandClass: Int]) {
        self.init()
        for (kind, count) in counts { self[kind] = count }
    }
}

/// What a real server sent after `PSYNC ? -1`: captured by the calls that ``GoldenStream/commands`` counts.
struct GoldenStream: CustomTestStringConvertible, Sendable {
    let name: String
    let position: ReplicationPosition
    /// `master_repl_offset` of the server at the end.
    let end: Int64
    let transferBytes: Int64
    let commands: CommandCounts

    var testDescription: String { name }

    static let all = [
        GoldenStream(
            name: "redis-6.2-marked",
            position: ReplicationPosition(history: "aa0459d961267501b6778544c57872e52ee9bff8", offset: 14),
            end: 2398, transferBytes: 331,
            commands: CommandCounts([
                .ping: 3, .framing: 6, .publish: 7, .other: 6, .otherPublish: 1, .control: 1,
            ])),
        GoldenStream(
            name: "redis-6.2-counted",
            position: ReplicationPosition(history: "82bb165e5348d5ec7dc021733dfd2bf73be6122e", offset: 0),
            end: 2384, transferBytes: 291,
            commands: CommandCounts([
                .ping: 3, .framing: 6, .publish: 7, .other: 6, .otherPublish: 1, .control: 1,
            ])),
        GoldenStream(
            name: "redis-7.0-marked",
            position: ReplicationPosition(history: "b8808f729626120529013ac50fdac2a841d311cc", offset: 14),
            end: 2437, transferBytes: 212,
            commands: CommandCounts([
                .ping: 3, .framing: 6, .publish: 7, .other: 6, .shardPublish: 1, .otherPublish: 1, .control: 1,
            ])),
        GoldenStream(
            name: "redis-7.0-counted",
            position: ReplicationPosition(history: "37330c07aaf4e2a993c30ecccd78a7216cbe5d92", offset: 0),
            end: 2423, transferBytes: 287,
            commands: CommandCounts([
                .ping: 3, .framing: 6, .publish: 7, .other: 6, .shardPublish: 1, .otherPublish: 1, .control: 1,
            ])),
        GoldenStream(
            name: "valkey-9-marked",
            position: ReplicationPosition(history: "87f0a368e498d6b1a59c6c3632637ffc5f97712c", offset: 14),
            end: 2437, transferBytes: 212,
            commands: CommandCounts([
                .ping: 3, .framing: 6, .publish: 7, .other: 6, .shardPublish: 1, .otherPublish: 1, .control: 1,
            ])),
        GoldenStream(
            name: "valkey-9-file",
            position: ReplicationPosition(history: "c5dcbad31c3ee0af6ac59ea3fc5f7280f752a1d9", offset: 0),
            end: 2423, transferBytes: 327,
            commands: CommandCounts([
                .ping: 3, .framing: 6, .publish: 7, .other: 6, .shardPublish: 1, .otherPublish: 1, .control: 1,
            ])),
    ]

    var bytes: [UInt8] {
        get throws {
            let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
            return Array(try Data(contentsOf: folder.appending(path: name)))
        }
    }
}
