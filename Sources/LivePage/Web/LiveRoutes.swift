import Capture
import HTTPGuard
import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix
import Relay
import SystemPackage
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The routes of the live page: page, stream, segments, login.
struct LiveRoutes: Sendable {
    static let loginPath = "/login"
    static let logoutPath = "/logout"
    /// Needed before the token is shown. An expired session can be logged out too.
    static let openPaths: Set<String> = [loginPath, logoutPath, PageFiles.stylePath]
    /// A stream ends after this time and the browser reopens it, so that it does not outlive its session.
    private static let longestStream = Duration.seconds(1_800)
    private static let formLimit = 4 * 1024
    /// The page, relative to the forms' targets, because a proxy may add a prefix.
    private static let home = "./"

    let feed: LiveFeed
    /// Without sessions everyone has access, but nobody can download segments.
    let site: WebSite

    private var sessions: WebSessions? { site.sessions }

    func add(to router: Router<BasicRequestContext>) {
        router.get(RouterPath(PageFiles.stylePath)) { _, _ in PageFiles.style }
        for script in PageFiles.scripts {
            router.get(RouterPath(script.path)) { _, _ in PageFiles.script(script.text) }
        }
        router.get("/live") { request, _ in stream(cookies: request.headers[.cookie]) }
        router.get("/segments/:name") { _, context in
            await SegmentDownload(segments: feed.segments, isAllowed: sessions != nil).response(
                name: context.parameters.get("name"))
        }
        guard let sessions else { return }
        router.get(RouterPath(Self.loginPath)) { _, _ in PageFiles.login(.ok) }
        router.post(RouterPath(Self.loginPath)) { request, _ in try await login(request, sessions) }
        router.post(RouterPath(Self.logoutPath)) { request, _ in
            sessions.logout(cookies: request.headers[.cookie])
            return Response(
                status: .seeOther, headers: [.location: Self.home, .setCookie: cookie("", of: sessions, seconds: 0)])
        }
    }

    // MARK: - The stream

    /// - Parameter cookies: of the request.
    private func stream(cookies: String?) -> Response {
        guard !feed.pages.isFull else {
            return Response(
                status: .serviceUnavailable, headers: [.contentType: "text/plain; charset=utf-8", .retryAfter: "10"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: "too many live pages are open\n")))
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
                .xAccelBuffering: "no",
            ],
            body: ResponseBody { [feed, sessions] writer in
                if let page = feed.pages.open() {
                    defer { feed.pages.close(page) }
                    // A client with a bearer token has no session that could end.
                    let isOfSession = sessions?.isOpen(cookies: cookies, at: .now()) == true
                    try await Self.send(to: page, from: feed, &writer) {
                        !isOfSession || sessions?.isOpen(cookies: cookies, at: .now()) == true
                    }
                }
                try await writer.finish(nil)
            })
    }

    /// - Parameter isAllowed: checked before each frame, at least once a second.
    private static func send(
        to page: LivePages.Page, from feed: LiveFeed, _ writer: inout any ResponseBodyWriter,
        while isAllowed: @Sendable () -> Bool
    ) async throws {
        let end = ContinuousClock.now + longestStream
        try await writer.write(ByteBuffer(string: "retry: 1000\n\n"))
        try await writer.write(feed.wholeFrame())
        for await frame in page.frames {
            guard isAllowed() else { return }
            try await writer.write(page.takeIsBehind() ? feed.wholeFrame() : frame)
            guard ContinuousClock.now < end else {
                return try await writer.write(ByteBuffer(string: "event: again\ndata: {}\n\n"))
            }
        }
    }

    // MARK: - The login

    private func login(_ request: Request, _ sessions: WebSessions) async throws -> Response {
        let form = try await request.body.collect(upTo: Self.formLimit)
        switch sessions.login(FormToken.value(in: String(buffer: form)), at: .now()) {
        case .wrongToken:
            return PageFiles.login(.unauthorized, note: "That is not the token of this relay.")
        case .tooSoon:
            var response = PageFiles.login(.tooManyRequests, note: "Only one attempt per second: please try again.")
            response.headers[.retryAfter] = "1"
            return response
        case .opened(let secret):
            let cookie = cookie(secret, of: sessions, seconds: WebSessions.lifetimeSeconds)
            return Response(status: .seeOther, headers: [.location: Self.home, .setCookie: cookie])
        }
    }

    /// - Parameter seconds: 0 deletes the cookie.
    private func cookie(_ secret: String, of sessions: WebSessions, seconds: Int) -> String {
        // Without a path it is that of the login, including a proxy's prefix: the cookie is sent nowhere else.
        Cookie(
            name: sessions.cookieName, value: secret, maxAge: seconds, secure: site.isSecure, httpOnly: true,
            sameSite: .strict
        ).description
    }
}

/// The field `token` of a submitted form (`application/x-www-form-urlencoded`).
enum FormToken {
    /// - Returns: trimmed, like the file's content; empty if absent.
    static func value(in form: String) -> String {
        for field in form.split(separator: "&") where field.hasPrefix("token=") {
            return trimmed(Array(FormText.decoded(field.utf8.dropFirst("token=".utf8.count)).utf8))
        }
        return ""
    }

    private static func trimmed(_ bytes: [UInt8]) -> String {
        let isBlank = { (byte: UInt8) in " \t\r\n".utf8.contains(byte) }
        let start = bytes.drop(while: isBlank)
        let end = start.lastIndex { !isBlank($0) }.map { start[...$0] } ?? []
        return String(decoding: end, as: UTF8.self)
    }
}

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

/// The page and its files, embedded in the program.
enum PageFiles {
    /// Scripts, styles and connections only from the relay; no framing.
    static let contentSecurityPolicy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

    static let stylePath = "/live.css"
    static let scripts: [(path: String, text: StaticString)] = [
        ("/live.js", EmbeddedText.live_js), ("/chart.js", EmbeddedText.chart_js), ("/words.js", EmbeddedText.words_js),
    ]

    /// True for a browser; curl and probes get text.
    static func isWanted(by request: Request) -> Bool {
        request.headers[.accept]?.contains("text/html") == true
    }

    static var page: Response { html(.ok, ByteBuffer(staticString: EmbeddedText.live_html)) }
    static var style: Response {
        Response(page: ByteBuffer(staticString: EmbeddedText.live_css), type: "text/css; charset=utf-8")
    }

    static func script(_ text: StaticString) -> Response {
        Response(page: ByteBuffer(staticString: text), type: "text/javascript; charset=utf-8")
    }

    /// The login form.
    ///
    /// - Parameter note: the error; our own text, so it needs no escaping.
    static func login(_ status: HTTPResponse.Status, note: String = "") -> Response {
        let text = EmbeddedText.login_html.description.replacing("{{note}}", with: note)
        return html(status, ByteBuffer(string: text))
    }

    private static func html(_ status: HTTPResponse.Status, _ text: ByteBuffer) -> Response {
        var response = Response(
            page: text, type: "text/html; charset=utf-8", status: status, policy: contentSecurityPolicy)
        // No referrer to other sites. With "no-referrer" a browser would hide the origin of our own forms too.
        response.headers[.referrerPolicy] = "same-origin"
        return response
    }
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name("Referrer-Policy") ?? .accept
    /// Tells nginx not to buffer the stream.
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering") ?? .accept
}
