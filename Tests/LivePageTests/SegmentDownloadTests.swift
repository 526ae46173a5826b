import Capture
import Foundation
import Hummingbird
import NIOCore
import Testing
import Time

@testable import LivePage
@testable import Relay

@Suite struct SegmentDownloadTests {
    private final class Silence: CaptureWriterObserver {
        func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64) {}
        func synced(nanoseconds: UInt64) {}
        func segmentOpened(path: String) {}
    }

    /// A directory with one closed segment, one open segment, and a foreign file.
    private func withShelf(_ body: (SegmentCatalog, _ closed: String, _ open: String) async throws -> Void) async throws
    {
        let folder = "/tmp/backplane-relay-shelf-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let directory = folder + "/capture"
        let source = CaptureSource(relayVersion: "1", host: "h", redis: "r", payload: .full, redactedKeys: [])
        let previous = try CaptureDirectory.prepare(directory, at: .now()) { _ in }
        var writer = CaptureWriter(
            configuration: CaptureWriter.Configuration(directory: directory, channels: ["chat"]), source: source,
            previous: previous, observer: Silence())
        try writer.connected(runID: nil, redisVersion: nil, at: .now())
        try writer.close(.now())
        let closed = try #require(try FileManager.default.contentsOfDirectory(atPath: directory).first)
        try await Task.sleep(for: .milliseconds(5))
        var next = CaptureWriter(
            configuration: CaptureWriter.Configuration(directory: directory, channels: ["chat"]), source: source,
            previous: CaptureDirectory.Previous(), observer: Silence())
        try next.connected(runID: nil, redisVersion: nil, at: .now())
        let open = try #require(
            try FileManager.default.contentsOfDirectory(atPath: directory).first { $0 != closed })
        try Data("secret".utf8).write(to: URL(filePath: folder + "/secret.mcap"))
        try Data("secret".utf8).write(to: URL(filePath: directory + "/notes.txt"))
        try FileManager.default.createSymbolicLink(
            atPath: directory + "/link.mcap", withDestinationPath: folder + "/secret.mcap")
        try await body(SegmentCatalog(directory: directory), closed, open)
        try next.close(.now())
    }

    @Test func onlyWhatTheDirectoryListsAsAClosedSegment() async throws {
        try await withShelf { shelf, closed, open in
            let download = SegmentDownload(segments: shelf, isAllowed: true)
            let answer = await download.response(name: closed)
            #expect(answer.status == .ok)
            #expect(answer.headers[.contentDisposition] == "attachment; filename=\"\(closed)\"")
            let size = try FileManager.default.attributesOfItem(atPath: shelf.directory + "/" + closed)[.size] as? Int
            #expect(answer.body.contentLength == size)
            for name in [
                nil, "", ".", "..", "/", "../secret.mcap", "%2e%2e%2fsecret.mcap", "link.mcap", "notes.txt", open,
                "./" + closed, closed + "/", shelf.directory + "/" + closed, closed + "\0", "other.mcap",
            ] {
                #expect(await download.response(name: name).status == .notFound, "\(name ?? "nil")")
            }
        }
    }

    @Test func downloadsRequireAToken() async throws {
        try await withShelf { shelf, closed, _ in
            let answer = await SegmentDownload(segments: shelf, isAllowed: false).response(name: closed)
            #expect(answer.status == .forbidden)
        }
    }

    @Test func aNameInAHeaderIsHarmless() {
        #expect(SegmentDownload.safe("chat+2-20261126T1.mcap") == "chat+2-20261126T1.mcap")
        #expect(SegmentDownload.safe("a\"\r\nX: y; б.mcap") == "a___X__y___.mcap")
    }

    @Test func theListingMarksCompleteSegments() async throws {
        try await withShelf { shelf, closed, open in
            #expect(shelf.listing == nil)
            #expect(await shelf.look())
            #expect(await shelf.look() == false, "nothing has changed")
            let listing = try #require(shelf.listing)
            #expect(listing.total == 2)
            #expect(listing.newest.map(\.stored.name) == [open, closed])
            #expect(listing.newest.map(\.state) == ["recording", "complete"])
        }
    }
}
