import Capture
import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Serves a closed segment, piece by piece.
struct SegmentDownload: Sendable {
    static let pieceBytes = 64 * 1024

    /// nil if nothing is recorded.
    let segments: SegmentCatalog?
    /// False without a token: a capture contains what users wrote.
    let isAllowed: Bool

    /// - Parameter name: from the client; only names listed in the directory are opened.
    func response(name: String?) async -> Response {
        guard isAllowed else {
            return Self.text(
                .forbidden,
                "A segment contains what users wrote: start the relay with a web token to allow downloads.\n")
        }
        guard let segments else { return Self.text(.notFound, "This relay records nothing.\n") }
        guard let name, let segment = await segments.closed(name), let file = SegmentFileHandle(segment, of: segments)
        else {
            return Self.text(
                .notFound,
                "No closed segment has this name; an open segment can be downloaded once it is closed.\n")
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/octet-stream", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
                .contentDisposition: "attachment; filename=\"\(Self.safe(name))\"",
            ],
            body: ResponseBody(contentLength: file.size) { writer in
                var offset = 0
                while offset < file.size {
                    let piece = try await file.read(at: offset, atMost: Self.pieceBytes)
                    offset += piece.readableBytes
                    try await writer.write(piece)
                }
                try await writer.finish(nil)
            })
    }

    /// For a header: a foreign file in the directory may have any name.
    static func safe(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.map { scalar in
                    switch scalar {
                    case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-", "+": scalar
                    default: "_"
                    }
                }))
    }

    private static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status,
            headers: [.contentType: "text/plain; charset=utf-8", .xContentTypeOptions: "nosniff"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

/// An open segment. Reads its contents as of opening, even if it is deleted meanwhile.
private final class SegmentFileHandle: Sendable {
    struct Ended: Error {}

    let size: Int
    private let descriptor: CInt

    init?(_ segment: StoredSegment, of catalog: SegmentCatalog) {
        descriptor = open(catalog.directory + "/" + segment.name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        // C's own `stat` belongs to whichever of the package's C modules is loaded first.
        guard let status = try? FileDescriptor(rawValue: descriptor).stat(), status.type == .regular else {
            close(descriptor)
            return nil
        }
        size = Int(status.size)
    }

    deinit { close(descriptor) }

    /// - Throws: if the file has become shorter: the client then sees an aborted download.
    func read(at offset: Int, atMost count: Int) async throws -> ByteBuffer {
        try await NIOThreadPool.singleton.runIfActive { [self] in
            var buffer = ByteBuffer()
            let length = min(count, size - offset)
            let read = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { bytes in
                max(0, pread(descriptor, bytes.baseAddress, length, off_t(offset)))
            }
            guard read > 0 else { throw Ended() }
            return buffer
        }
    }
}
