import HTTPTypes
import Hummingbird
import NIOCore
import Prometheus

/// The node's HTTP surface: chat page, SignalR below its base path, metrics and health.
enum HubHTTP {
    static func router(
        endpoint: SignalREndpoint, core: CoreHubs, page: ChatPage?, metrics: HubMetrics, broker: MessageBroker
    ) -> Router<HubRequestContext> {
        // Case-insensitive like ASP.NET, where a real node's base path comes from.
        let router = Router(context: HubRequestContext.self, options: .caseInsensitive)
        let configuration = endpoint.configuration
        if !configuration.allowedOrigins.isEmpty {
            router.add(middleware: CrossOriginMiddleware(allowedOrigins: configuration.allowedOrigins))
        }
        // A real node ignores the method.
        if configuration.joinsSignalR2 {
            for method in [HTTPRequest.Method.get, .post, .put, .delete, .patch, .options] {
                for path in [configuration.path, "\(configuration.path)/**"] {
                    router.on(RouterPath(path), method: method) { request, context in
                        try await endpoint.respond(to: request, context: context)
                    }
                }
            }
        }
        for hub in core.all {
            let endpoint = CoreEndpoint(route: hub.route, broker: hub.broker, metrics: metrics)
            for method in [HTTPRequest.Method.get, .post, .put, .delete, .patch, .options] {
                for path in [hub.route.path, "\(hub.route.path)/negotiate"] {
                    router.on(RouterPath(path), method: method) { request, context in
                        try await endpoint.respond(to: request, context: context)
                    }
                }
            }
        }
        for (path, file) in page?.files ?? [:] {
            router.get(RouterPath(path)) { _, _ in file.response }
        }
        // Browsers request it by themselves.
        router.get("/favicon.ico") { _, _ in Response(status: .noContent) }
        router.get("/metrics") { request, _ in
            let format = ExpositionFormat.negotiate(accept: request.headers[.accept])
            return Response(
                status: .ok, headers: [.contentType: format.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: metrics.registry.expose(format))))
        }
        router.get("/-/healthy") { _, _ in plain(.ok, "the hub node is running\n") }
        router.get("/-/ready") { _, _ in
            if await broker.isDraining { return plain(.serviceUnavailable, "not ready: stopping\n") }
            if configuration.joinsSignalR2, let outage = await broker.outage {
                return plain(.serviceUnavailable, "not ready: \(outage)\n")
            }
            if let outage = await core.outage { return plain(.serviceUnavailable, "not ready: \(outage)\n") }
            return plain(.ok, "ready\n")
        }
        return router
    }

    private static func plain(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
