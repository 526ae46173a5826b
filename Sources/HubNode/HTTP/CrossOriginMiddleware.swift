import HTTPTypes
import Hummingbird

/// Lets pages of the allowed origins call this node from a browser. All others get no permission, which their browser
/// then refuses them.
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
            response.headers[.accessControlAllowMethods] = "GET, POST"
            response.headers[.accessControlAllowHeaders] = request.headers[.accessControlRequestHeaders]
            response.headers[.accessControlMaxAge] = "600"
        } else {
            response = try await next(request, context)
        }
        response.headers[.accessControlAllowOrigin] = origin
        // SignalR's clients send credentials by default and are refused without this.
        response.headers[.accessControlAllowCredentials] = "true"
        response.headers[.vary] = "Origin"
        return response
    }
}
