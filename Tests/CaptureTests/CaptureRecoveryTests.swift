import MCAP
import Testing

@testable import Capture

@Suite struct CaptureRecoveryTests {
    @Test func chunksBeforeAndBehindTheDamageAreSaved() throws {
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
            #expect(outcome.path == directory + "/" + name)
            #expect(outcome.chunks == 2)
            #expect(!outcome.damage.isEmpty)

            let saved = try Reading(directory)
            let left = whole.indices.filter { $0 != damaged }.map { whole[$0] }
            #expect(saved.envelopes.map(\.payload) == left.flatMap(\.envelopes))
            #expect(outcome.messages == left.reduce(0) { $0 + $1.envelopes.count + $1.events })
            #expect(saved.damage == [])
            #expect(saved.states == [.closed])
            #expect(try content(of: path) == copy)
            let recovered = try #require(try metadata("capture.recovered", in: try content(of: outcome.path)))
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
        #expect(try mode(of: outcome.path) == 0o600)
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
}
