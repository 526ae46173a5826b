import Backplane
import HTTPGuard
package import Hummingbird
import NIOCore
import Prometheus

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
