import Foundation
import MCAP
import Testing

@testable import Capture

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Paths that are not captures, and captures read from pipes.
@Suite struct CaptureInputTests {
    private func refusal(_ path: String) -> String? {
        do {
            _ = try CaptureReader(paths: [path]).forEach { _ in }
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func otherFilesAreReportedAsSuch() throws {
        let directory = try TemporaryDirectory()
        let cases: [(name: String, bytes: [UInt8], says: String)] = [
            ("empty", [], "is empty, not an MCAP file"),
            ("text", Array("root:x:0:0:root:/root:/bin/bash\n".utf8), "is text, not an MCAP file"),
            ("zeroes", Array(repeating: 0, count: 100_000), "is not an MCAP file and contains no part of one"),
            (
                "a.mcap.gz", [0x1F, 0x8B, 8, 0, 1, 2, 3, 4, 5, 6],
                "gzip -dc \(directory.path)/a.mcap.gz | backplane-relay cat -"
            ),
            (
                "a.mcap.zst", [0x28, 0xB5, 0x2F, 0xFD, 0, 1, 2, 3, 4],
                "zstd -dc \(directory.path)/a.mcap.zst | backplane-relay cat -"
            ),
            ("my file.lz4", [0x04, 0x22, 0x4D, 0x18, 0, 1, 2, 3, 4], "lz4 -dc '\(directory.path)/my file.lz4' |"),
        ]
        for (name, bytes, says) in cases {
            let path = directory.path + "/" + name
            try write(bytes, toFile: path)
            let error = try #require(refusal(path))
            #expect(error.contains(says))
            #expect(error.contains("'\(path)'"))
            #expect(!error.contains("recover"))
        }
        #expect(try #require(refusal("/dev/null")).contains("is a device, not an MCAP file"))
        #expect(try #require(refusal(directory.path)).contains("decompress it first"))
        let empty = try TemporaryDirectory()
        #expect(try #require(refusal(empty.path)).contains("there is no .mcap file in"))
        #expect(try #require(refusal(empty.path + "/none")).contains("does not exist"))
    }

    @Test func aSocketIsNotACapture() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/s"
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        #expect(try #require(refusal(path)).contains("is a socket, not an MCAP file"))
    }

    /// A file shorter than its magic number counts as cut.
    @Test func aCutMagicNumberIsDamage() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.mcap"
        try write([0x89, 0x4D, 0x43], toFile: path)
        #expect(try Reading(path).damage.count == 1)
    }

    // MARK: - Pipes

    /// Writes into a pipe on a separate thread.
    private func pipe(_ bytes: [UInt8]) throws -> (path: String, close: () -> Void) {
        // The reader may close before everything is written.
        signal(SIGPIPE, SIG_IGN)
        var ends: [CInt] = [0, 0]
        try #require(Glibc.pipe(&ends) == 0)
        let (input, output) = (ends[0], ends[1])
        Thread.detachNewThread {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Array(rest.prefix(1_000)).withUnsafeBytes { Glibc.write(output, $0.baseAddress, $0.count) }
                if count <= 0 { break }
                rest = rest.dropFirst(count)
            }
            Glibc.close(output)
        }
        return ("/dev/fd/\(input)", { Glibc.close(input) })
    }

    @Test(arguments: [Compression.none, .zstd(level: 1)], [false, true])
    func aPipeIsReadAsAFile(compression: Compression, closed: Bool) throws {
        let (bytes, name) = try smallSegment(compression, closed: closed)
        let directory = try TemporaryDirectory()
        try write(bytes, toFile: directory.path + "/" + name)
        let file = try Reading(directory.path)
        let (path, close) = try pipe(bytes)
        defer { close() }
        let piped = try Reading(path)
        #expect(piped.envelopes == file.envelopes)
        #expect(piped.events == file.events)
        #expect(piped.damage == [])
        #expect(piped.states == file.states)
        #expect(piped.report.segments.map(\.size) == [UInt64(bytes.count)])
    }

    @Test func aPipeIsReadOnceAndSpooledTwice() throws {
        let (bytes, _) = try smallSegment(.none, closed: true)
        let (once, closeOnce) = try pipe(bytes)
        defer { closeOnce() }
        let reader = try CaptureReader(paths: [once])
        #expect(reader.isStreamed && reader.sources() == [testSource])
        try reader.forEach { _ in }
        #expect(throws: CaptureError.readOnce(path: once)) { try reader.forEach { _ in } }
        let (twice, closeTwice) = try pipe(bytes)
        defer { closeTwice() }
        let spooled = try CaptureReader(paths: [twice], streams: .spool)
        for _ in 0..<2 {
            var count = 0
            try spooled.forEach { if case .envelope = $0 { count += 1 } }
            #expect(count == 30)
        }
        #expect(try spooled.firstReceivedAt() != nil)
        let (refused, closeRefused) = try pipe(bytes)
        defer { closeRefused() }
        #expect(throws: CaptureError.needsFile(path: refused)) { try CaptureReader(paths: [refused], streams: .refuse) }
    }

    @Test func otherDataThroughAPipeIsReported() throws {
        for (bytes, says) in [
            (Array("hello\n".utf8), "is text"), ([], "is empty"), ([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0], "gzip -dc"),
        ] as [([UInt8], String)] {
            let (path, close) = try pipe(bytes)
            defer { close() }
            #expect(try #require(refusal(path)).contains(says))
        }
    }

    /// Chunks that have arrived are returned while the pipe stays open.
    @Test func chunksComeAsTheyArrive() throws {
        let (bytes, _) = try smallSegment(.zstd(level: 1), closed: true)
        let ends = try chunks(in: bytes).map { Int($0.end) }
        var pipe: [CInt] = [0, 0]
        try #require(Glibc.pipe(&pipe) == 0)
        defer { Glibc.close(pipe[0]) }
        func send(_ range: Range<Int>) {
            let part = Array(bytes[range])
            _ = part.withUnsafeBytes { Glibc.write(pipe[1], $0.baseAddress, $0.count) }
        }
        send(0..<ends[0])
        var seen = 0
        var sent = 0
        try CaptureReader(paths: ["/dev/fd/\(pipe[0])"]).forEach { item in
            guard case .envelope = item else { return }
            seen += 1
            // The next chunk is sent only when the previous one was received completely.
            guard seen.isMultiple(of: 10), sent < 2 else { return }
            send(ends[sent]..<ends[sent + 1])
            sent += 1
            if sent == 2 { Glibc.close(pipe[1]) }
        }
        #expect(seen == 30)
    }
}
