import HTTPGuard
import Hummingbird
import NIOCore
import Prometheus
import Backplane

/// The relay's HTTP surface: `/metrics`, `/-/healthy`, `/-/ready`, and `/`: the live page for a browser, else what names
/// the rest.
enum RelayHTTP {
    static let healthyPath = "/-/healthy"
    static let readyPath = "/-/ready"

    /// - Parameters:
    ///   - sessions: nil lets everybody in.
    ///   - live: nil leaves the live page out.
    ///   - hosts: the names that it answers to.
    ///   - hostRemedy: see ``WebAccess/hostRemedy``.
    static func router(
        metrics: RelayMetrics, status: RelayStatus, channels: [String], sessions: WebSessions? = nil,
        live: LiveRoutes? = nil, hosts: HostPolicy? = nil, hostRemedy: String = WebAccess().hostRemedy
    ) -> Router<BasicRequestContext> {
        let router = Router()
        if let hosts {
            router.add(
                middleware: HostMiddleware(policy: hosts, openPaths: [healthyPath, readyPath], remedy: hostRemedy))
        }
        router.add(middleware: SameOriginMiddleware())
        if let sessions {
            let openPaths = (live == nil ? [] : LiveRoutes.openPaths).union([healthyPath])
            router.add(middleware: TokenMiddleware(sessions: sessions, openPaths: openPaths))
        }
        live?.add(to: router)
        router.get("/metrics") { request, _ in
            let format = ExpositionFormat.negotiate(accept: request.headers[.accept])
            return Response(
                status: .ok, headers: [.contentType: format.contentType],
                body: body(of: metrics.registry.exposition(format)))
        }
        router.get(RouterPath(healthyPath)) { _, _ in
            text(.ok, "backplane-relay is running\n")
        }
        router.get(RouterPath(readyPath)) { _, _ in
            if let reason = status.notReadyReason { return text(.serviceUnavailable, "not ready: \(reason)\n") }
            return text(.ok, "ready\n")
        }
        router.get("/") { request, _ in
            if live != nil, LivePage.isWanted(by: request) { return LivePage.page }
            return text(
                .ok,
                """
                backplane-relay watches \(channels.map { PrintableText.line($0) }.joined(separator: ", "))

                /            the live page, in a browser
                /metrics     Prometheus metrics
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
