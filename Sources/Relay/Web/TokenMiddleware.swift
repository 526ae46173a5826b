import Capture
import HTTPTypes
import Hummingbird
import Time

/// Lets in who shows the token, as a bearer or by the cookie of a login, and answers 401 to everybody else: a browser that
/// asks for the page gets the login. `/-/healthy` is open, so that a supervisor needs no secret.
struct TokenMiddleware<Context: RequestContext>: RouterMiddleware {
    let sessions: WebSessions
    /// Paths that anybody may ask for: those of the login.
    let openPaths: Set<String>

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if openPaths.contains(request.uri.path) || hasBearer(request)
            || sessions.isOpen(cookies: request.headers[.cookie], at: .now())
        {
            return try await next(request, context)
        }
        if request.method == .get, request.uri.path == "/", LivePage.isWanted(by: request) {
            return LivePage.login(.unauthorized)
        }
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
