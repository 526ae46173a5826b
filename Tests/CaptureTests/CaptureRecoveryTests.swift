import MCAP
import Testing

@testable import Capture

@Suite struct CaptureRecoveryTests {
    @Test func chunksBeforeAndAfterTheDamageAreSaved() throws {
        let (source, target) = (try TemporaryDirectory(), try TemporaryDirectory())
        let (bytes, name) = try smallSegment(.zstd(level: 1), closed: true)
        let whole = try chunks(in: bytes)
        for damaged in whole.indices {
            var copy = bytes
            copy[Int(whole[damaged].end) - 40] ^= 0x10
            let path = source.path + "/" + name
            try write(copy, toFile: path)
            let directory = target.path + "/\(damaged)"
            let outcome = try CaptureRecovery.recover(path, into: directory, at: .start)
            #expect(outcome.paths == [directory + "/" + name])
            #expect(outcome.chunks == 2)
            #expect(!outcome.damage.isEmpty)
            // `recover` must not recommend itself.
            #expect(outcome.damage.allSatisfy { !$0.contains("recover ") })

            let saved = try Reading(directory)
            let left = whole.indices.filter { $0 != damaged }.map { whole[$0] }
            #expect(saved.envelopes.map(\.payload) == left.flatMap(\.envelopes))
            #expect(outcome.messages == left.reduce(0) { $0 + $1.envelopes.count + $1.events })
            #expect(saved.damage == [])
            #expect(saved.states == [.closed])
            #expect(try content(of: path) == copy)
            let recovered = try #require(try metadata("capture.recovered", in: try content(of: outcome.paths[0])))
            #expect(recovered["recovered_from"] == name)
            #expect(try #require(recovered["damages"].flatMap { Int($0) }) > 0)
            #expect(try CaptureReader(paths: [directory]).sources() == [testSource])
        }
    }

    private func content(of path: String) throws -> [UInt8] { try bytes(ofFile: path) }

    @Test func aWholeFileIsCopied() throws {
        let (source, target) = (try TemporaryDirectory(), try TemporaryDirectory())
        var writer = makeWriter(source.path)
        try writer.close(try writer.record(1...20, from: .start))
        let outcome = try CaptureRecovery.recover(source.files[0], into: target.path, at: .start)
        #expect(outcome.damage == [])
        let (before, after) = (try Reading(source.path), try Reading(target.path))
        #expect(before.envelopes == after.envelopes)
        #expect(before.events == after.events)
        #expect(try mode(of: outcome.paths[0]) == 0o600)
    }

    @Test func nothingIsOverwritten() throws {
        let (source, target) = (try TemporaryDirectory(), try TemporaryDirectory())
        var writer = makeWriter(source.path)
        try writer.close(try writer.record(1...2, from: .start))
        let path = target.path + "/" + source.names[0]
        try write(Array("mine".utf8), toFile: path)
        #expect(throws: CaptureError.exists(path: path)) {
            _ = try CaptureRecovery.recover(source.files[0], into: target.path, at: .start)
        }
        #expect(throws: CaptureError.exists(path: source.files[0])) {
            _ = try CaptureRecovery.recover(source.files[0], into: source.path, at: .start)
        }
        #expect(try bytes(ofFile: path) == Array("mine".utf8))
    }

    private func recovered(_ bytes: [UInt8]) throws -> (outcome: CaptureRecovery.Outcome, reading: Reading) {
        let (source, target) = (try TemporaryDirectory(), try TemporaryDirectory())
        let path = source.path + "/damaged.mcap"
        try write(bytes, toFile: path)
        let outcome = try CaptureRecovery.recover(path, into: target.path, at: .start)
        return (outcome, try Reading(target.path))
    }

    @Test(arguments: [false, true]) func shiftedBytesCostOnlyTheChunksTheyTouch(closed: Bool) throws {
        let (bytes, _) = try smallSegment(.none, closed: closed)
        let envelopes = try chunks(in: bytes).map(\.envelopes)
        let second = Int(try chunks(in: bytes)[0].end) + 300
        let garbage = [UInt8](repeating: 0x80, count: 100)
        let cases: [(name: String, bytes: [UInt8], expected: [[UInt8]])] = [
            ("inserted", Array(bytes[..<second]) + garbage + bytes[second...], envelopes[0] + envelopes[2]),
            ("removed", Array(bytes[..<second] + bytes[(second + 100)...]), envelopes[0] + envelopes[2]),
            ("start gone", Array(bytes[100...]), envelopes.flatMap { $0 }),
            ("in garbage", garbage + bytes + garbage, envelopes.flatMap { $0 }),
        ]
        for damaged in cases {
            let (outcome, reading) = try recovered(damaged.bytes)
            #expect(reading.envelopes.map(\.payload) == damaged.expected, "\(damaged.name)")
            #expect(reading.damage == [], "\(damaged.name)")
            #expect(!outcome.damage.isEmpty, "\(damaged.name)")
            #expect(outcome.unreadBytes > 0, "\(damaged.name)")
            for line in outcome.damage where !outcome.unread.isEmpty {
                #expect(!line.contains("no message is lost") || !line.contains("bytes)"), "\(line)")
            }
        }
    }

    @Test func concatenatedFilesAreSplit() throws {
        let (first, _) = try smallSegment(.zstd(level: 1), closed: true)
        let directory = try TemporaryDirectory()
        // The same channel ids belong to other channels.
        var writer = makeWriter(directory.path, channels: ["other", "chat"])
        try writer.close(try writer.record(50...60, from: .start.after(milliseconds: 5_000)))
        let second = try content(of: directory.files[0])
        let expected =
            try chunks(in: first).flatMap(\.envelopes) + chunks(in: second).flatMap(\.envelopes)
        for bytes in [first + second, Array(first.dropLast(30)) + second] {
            let (outcome, reading) = try recovered(bytes)
            #expect(outcome.paths.map { $0.split(separator: "/").last } == ["damaged.mcap", "damaged-2.mcap"])
            #expect(reading.envelopes.map(\.payload) == expected)
            #expect(Set(reading.envelopes.map(\.channel)) == ["chat", "other"])
            #expect(reading.damage == [])
            let events = try (chunks(in: first) + chunks(in: second)).reduce(0) { $0 + $1.events }
            #expect(outcome.messages == expected.count + events)
        }
        // The same file twice does not duplicate its envelopes.
        let (_, reading) = try recovered(first + first)
        #expect(reading.envelopes.map(\.payload) == (try chunks(in: first).flatMap(\.envelopes)))
    }

    @Test func fromOtherFilesNothingIsWritten() throws {
        let (source, target) = (try TemporaryDirectory(), try TemporaryDirectory())
        let path = source.path + "/notes.mcap"
        try write(Array("Ceci n'est pas une capture.".utf8), toFile: path)
        #expect(throws: CaptureError.notMCAP(path: path, what: "is text, not an MCAP file")) {
            try CaptureRecovery.recover(path, into: target.path + "/new", at: .start)
        }
        #expect(target.names == [])
    }
}
