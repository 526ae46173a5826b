import HTTPTypes
import Hummingbird

/// Refuses what another site's page posts here in the name of a browser: 403. Programs, which tell no origin, are let in.
///
/// The cookie's `SameSite=Strict` does not see to it alone: a page of another port on this host is of the same site.
struct SameOriginMiddleware<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if request.method != .get, request.method != .head, !Self.isOwn(request) {
            return Response(status: .forbidden)
        }
        return try await next(request, context)
    }

    /// By what browsers say: `Sec-Fetch-Site` where the connection is protected or local, `Origin` everywhere.
    static func isOwn(_ request: Request) -> Bool {
        // No page can set it. It knows where the page came from also behind a proxy that asks us under another name.
        if let site = request.headers[.secFetchSite] { return site == "same-origin" || site == "none" }
        guard let origin = request.headers[.origin] else { return true }
        // Not by the scheme, which a proxy in front may change.
        guard let separator = origin.firstRange(of: "://"), let host = request.head.authority else { return false }
        return origin[separator.upperBound...].lowercased() == host.lowercased()
    }
}

extension HTTPField.Name {
    fileprivate static let secFetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .origin
}
