import Hummingbird
import NIOCore
import Prometheus

/// The relay's HTTP surface: `/metrics`, `/-/healthy`, `/-/ready`, and `/` that names them.
enum RelayHTTP {
    static let healthyPath = "/-/healthy"

    /// - Parameter token: nil lets everybody in.
    static func router(
        metrics: RelayMetrics, status: RelayStatus, channels: [String], token: WebToken? = nil
    ) -> Router<BasicRequestContext> {
        let router = Router()
        if let token { router.add(middleware: BearerTokenMiddleware(token: token)) }
        router.get("/metrics") { request, _ in
            let format = ExpositionFormat.negotiate(accept: request.headers[.accept])
            return Response(
                status: .ok, headers: [.contentType: format.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: metrics.registry.expose(format))))
        }
        router.get(RouterPath(healthyPath)) { _, _ in
            text(.ok, "backplane-relay is running\n")
        }
        router.get("/-/ready") { _, _ in
            if let reason = status.notReadyReason { return text(.serviceUnavailable, "not ready: \(reason)\n") }
            return text(.ok, "ready\n")
        }
        router.get("/") { _, _ in
            text(
                .ok,
                """
                backplane-relay watches \(channels.joined(separator: ", "))

                /metrics     Prometheus metrics
                /-/ready     200 while subscribed and, when recording, writing
                /-/healthy   200 while the process runs

                """)
        }
        return router
    }

    private static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
