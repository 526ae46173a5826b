import Backplane
import Capture
import HTTPGuard
import HTTPTypes
package import Hummingbird
import NIOCore
import Prometheus
import Time

/// Routes added to the relay's HTTP surface from above: the live page.
package protocol WebRoutes: Sendable {
    /// Paths open to anyone, even without the token.
    var openPaths: Set<String> { get }
    /// - Parameter site: its access control.
    func add(to router: Router<BasicRequestContext>, _ site: WebSite)
    /// The response to a browser at `/`; nil for other clients.
    func home(for request: Request) -> Response?
    /// The login form for a browser; nil for other clients.
    func login(for request: Request) -> Response?
    /// The token changed: sessions must authenticate again.
    func tokenChanged()
}

/// The HTTP surface for its routes.
package struct WebSite: Sendable {
    /// nil for open access.
    package let sessions: WebSessions?
    /// Whether it is served over TLS.
    package let isSecure: Bool

    /// - Parameters:
    ///   - sessions: nil for open access.
    ///   - isSecure: whether it is served over TLS; cookies are then marked as secure.
    package init(sessions: WebSessions?, isSecure: Bool) {
        self.sessions = sessions
        self.isSecure = isSecure
    }
}

/// The relay's HTTP surface: `/metrics`, `/-/healthy`, `/-/ready`, and `/`: the live page for a browser, else a list of
/// paths.
struct RelayHTTP: Sendable {
    static let healthyPath = "/-/healthy"
    static let readyPath = "/-/ready"

    let context: RelayContext
    let site: WebSite
    /// nil without a live page.
    var pages: (any WebRoutes)?
    /// The accepted host names; nil for all.
    var hosts: HostPolicy?
    /// See ``WebAccess/hostRemedy``.
    var hostRemedy = WebAccess().hostRemedy

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        if let hosts {
            router.add(
                middleware: HostMiddleware(
                    policy: hosts, openPaths: [Self.healthyPath, Self.readyPath], remedy: hostRemedy))
        }
        router.add(middleware: SameOriginMiddleware())
        if let sessions = site.sessions {
            let openPaths = (pages?.openPaths ?? []).union([Self.healthyPath])
            router.add(
                middleware: TokenMiddleware(sessions: sessions, openPaths: openPaths) { [pages] request in
                    pages?.login(for: request)
                })
        }
        pages?.add(to: router, site)
        let (context, pages) = (context, pages)
        router.get("/metrics") { request, _ in
            let format = ExpositionFormat.negotiate(accept: request.headers[.accept])
            return Response(
                status: .ok, headers: [.contentType: format.contentType],
                body: Self.body(of: context.registry.exposition(format)))
        }
        router.get(RouterPath(Self.healthyPath)) { _, _ in
            Self.text(.ok, "backplane-relay is running\n")
        }
        router.get(RouterPath(Self.readyPath)) { _, _ in
            if let reason = context.status.notReadyReason {
                return Self.text(.serviceUnavailable, "not ready: \(reason)\n")
            }
            return Self.text(.ok, "ready\n")
        }
        router.get("/") { request, _ in
            if let page = pages?.home(for: request) { return page }
            return Self.text(
                .ok,
                """
                backplane-relay watches \(context.channels.map { PrintableText.line($0) }.joined(separator: ", "))

                /            the live page, in a browser
                /metrics     Prometheus metrics
                /manual/     the manual
                /-/ready     200 while subscribed to a master and, when recording, writing; else 503 and why
                /-/healthy   200 while the process runs

                """)
        }
        return router
    }

    /// A single piece has a length; several are generated on demand, so that many channels are never in memory as a
    /// whole.
    private static func body(of exposition: Exposition) -> ResponseBody {
        var rest = exposition
        let first = ByteBuffer(bytes: rest.next() ?? [])
        guard let second = rest.next() else { return ResponseBody(byteBuffer: first) }
        return ResponseBody { [rest] writer in
            try await writer.write(first)
            try await writer.write(ByteBuffer(bytes: second))
            for piece in rest { try await writer.write(ByteBuffer(bytes: piece)) }
            try await writer.finish(nil)
        }
    }

    private static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

/// Refuses requests for other host names: 421. Health is served under any name: probes use many, and it reveals
/// nothing.
struct HostMiddleware<Context: RequestContext>: RouterMiddleware {
    let policy: HostPolicy
    let openPaths: Set<String>
    /// What to do if the name is right, as text.
    let remedy: String

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard !openPaths.contains(request.uri.path) else { return try await next(request, context) }
        let names = Self.names(in: request)
        guard let stranger = names.first(where: { !policy.admits($0) }) else { return try await next(request, context) }
        return Response(
            status: .misdirectedRequest, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: sentence(stranger))))
    }

    /// From one or more headers. A host in the request target is ignored: browsers send the same in both.
    static func names(in request: Request) -> [String?] {
        var names = [request.head.authority]
        if let host = HTTPField.Name("Host") { names += request.headers[values: host].map { $0 } }
        return names
    }

    private func sentence(_ name: String?) -> String {
        let asked = name.map { "'\(PrintableText.line($0.prefix(200).utf8))'" } ?? "no name"
        return """
            This relay listens on a loopback address and answers only to localhost, 127.0.0.1 and [::1]; the request was for \
            \(asked). If that is its name, for instance behind a proxy: \(remedy).

            """
    }
}

/// Refuses POST requests of other sites' pages by a browser: 403. Programs, which send no origin, are allowed.
///
/// The cookie's `SameSite=Strict` is not sufficient: a page on another port of this host is same-site.
struct SameOriginMiddleware<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if request.method != .get, request.method != .head, !Self.isOwn(request) {
            return Response(status: .forbidden)
        }
        return try await next(request, context)
    }

    /// By browser headers: `Sec-Fetch-Site` on protected or local connections, `Origin` everywhere.
    static func isOwn(_ request: Request) -> Bool {
        // Pages cannot set it. It reflects the page's real origin even behind a proxy with another host name.
        if let site = request.headers[.secFetchSite] { return site == "same-origin" || site == "none" }
        guard let origin = request.headers[.origin] else { return true }
        // Without the scheme, which a proxy may change.
        guard let separator = origin.firstRange(of: "://"), let host = request.head.authority else { return false }
        return origin[separator.upperBound...].lowercased() == host.lowercased()
    }
}

extension HTTPField.Name {
    fileprivate static let secFetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .origin
}

/// Requires the token, as a bearer or by the cookie of a login, and responds 401 otherwise: a browser requesting the
/// page gets the login form. `/-/healthy` is open, so that a supervisor needs no secret.
struct TokenMiddleware<Context: RequestContext>: RouterMiddleware {
    let sessions: WebSessions
    /// Paths open to anyone: those of the login.
    let openPaths: Set<String>
    /// The login form for a browser; nil for other requests.
    let login: @Sendable (Request) -> Response?

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if openPaths.contains(request.uri.path) || hasBearer(request)
            || sessions.isOpen(cookies: request.headers[.cookie], at: .now())
        {
            return try await next(request, context)
        }
        if request.method == .get, request.uri.path == "/", let login = login(request) { return login }
        var response = Response(status: .unauthorized)
        response.headers[.wwwAuthenticate] = #"Bearer realm="backplane-relay""#
        return response
    }

    private func hasBearer(_ request: Request) -> Bool {
        guard let value = request.headers[.authorization] else { return false }
        let scheme = "bearer "
        guard value.utf8.count > scheme.utf8.count, value.prefix(scheme.count).lowercased() == scheme else {
            return false
        }
        return sessions.token.matches(Array(value.utf8.dropFirst(scheme.utf8.count)))
    }
}
