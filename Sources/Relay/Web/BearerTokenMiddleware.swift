import HTTPTypes
import Hummingbird

/// Answers 401 to whoever does not show the token. `/-/healthy` is open, so that a supervisor needs no secret.
struct BearerTokenMiddleware<Context: RequestContext>: RouterMiddleware {
    let token: WebToken

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if request.uri.path == RelayHTTP.healthyPath || isAuthorized(request) {
            return try await next(request, context)
        }
        var response = Response(status: .unauthorized)
        response.headers[.wwwAuthenticate] = #"Bearer realm="backplane-relay""#
        return response
    }

    private func isAuthorized(_ request: Request) -> Bool {
        guard let value = request.headers[.authorization] else { return false }
        let scheme = "bearer "
        guard value.utf8.count > scheme.utf8.count, value.prefix(scheme.count).lowercased() == scheme else {
            return false
        }
        return token.matches(Array(value.utf8.dropFirst(scheme.utf8.count)))
    }
}
