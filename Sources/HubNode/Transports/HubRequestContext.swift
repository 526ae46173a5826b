import HTTPTypes
import Hummingbird
import NIOCore

/// A handler's context: also the connection of the request.
struct HubRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}

/// Allows pages of the configured origins to call this node from a browser. Others get no permission, so their browser
/// refuses.
struct CrossOriginMiddleware: RouterMiddleware {
    typealias Context = HubRequestContext

    let allowedOrigins: [String]

    @concurrent
    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let origin = request.headers[.origin],
            allowedOrigins.contains("*") || allowedOrigins.contains(origin)
        else { return try await next(request, context) }
        var response: Response
        if request.method == .options {
            response = Response(status: .noContent)
            response.headers[.accessControlAllowMethods] = "GET, POST, DELETE"
            response.headers[.accessControlAllowHeaders] = request.headers[.accessControlRequestHeaders]
            response.headers[.accessControlMaxAge] = "600"
        } else {
            response = try await next(request, context)
        }
        response.headers[.accessControlAllowOrigin] = origin
        // SignalR's clients send credentials by default and fail without this.
        response.headers[.accessControlAllowCredentials] = "true"
        response.headers[.vary] = "Origin"
        return response
    }
}
