import Backplane
import HTTPGuard
package import Hummingbird
import NIOCore
import Prometheus

/// What something above the relay adds to its HTTP surface: the live page.
package protocol WebRoutes: Sendable {
    /// Paths that anybody may ask for, who has not shown the token yet, too.
    var openPaths: Set<String> { get }
    /// - Parameter site: behind which gate they are.
    func add(to router: Router<BasicRequestContext>, _ site: WebSite)
    /// What a browser gets at `/`; nil for whoever is none.
    func home(for request: Request) -> Response?
    /// What asks a browser for the token; nil for whoever is none.
    func login(for request: Request) -> Response?
    /// Another token is in force: who looks must show it.
    func tokenChanged()
}

/// The HTTP surface as its routes see it.
package struct WebSite: Sendable {
    /// nil lets everybody in.
    package let sessions: WebSessions?
    /// Whether it is served by TLS.
    package let isSecure: Bool

    package init(sessions: WebSessions?, isSecure: Bool) {
        self.sessions = sessions
        self.isSecure = isSecure
    }
}

/// The relay's HTTP surface: `/metrics`, `/-/healthy`, `/-/ready`, and `/`: the live page for a browser, else what names
/// the rest.
struct RelayHTTP: Sendable {
    static let healthyPath = "/-/healthy"
    static let readyPath = "/-/ready"

    let context: RelayContext
    let site: WebSite
    /// nil leaves the live page out.
    var pages: (any WebRoutes)?
    /// The names that it answers to; nil for all.
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

    /// One piece with its length; several as they are made, so that many channels are never in memory as a whole.
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
