import HTTPTypes
package import Hummingbird
import NIOCore

/// Static pages without data, which need no token.
package struct OpenPages: Sendable {
    package enum Page: Sendable {
        /// - Parameter isFound: false answers 404.
        case html(String, isFound: Bool = true)
        case style(String)
        /// - Parameter to: relative to the request's path, because a proxy may add a prefix.
        case moved(to: String)
    }

    package static let none = OpenPages { _ in nil }

    private let page: @Sendable (_ path: String) -> Page?

    /// - Parameter page: the page at a path; nil for other paths.
    package init(_ page: @escaping @Sendable (_ path: String) -> Page?) {
        self.page = page
    }

    package func response(to request: Request) -> Response? {
        guard request.method == .get, let page = page(request.uri.path) else { return nil }
        switch page {
        case .html(let text, let isFound):
            return Self.response(isFound ? .ok : .notFound, "text/html; charset=utf-8", text)
        case .style(let text): return Self.response(.ok, "text/css; charset=utf-8", text)
        case .moved(let path): return Response(status: .movedPermanently, headers: [.location: path])
        }
    }

    private static func response(_ status: HTTPResponse.Status, _ type: String, _ text: String) -> Response {
        Response(
            status: status,
            headers: [
                .contentType: type, .cacheControl: "no-cache", .xContentTypeOptions: "nosniff",
                .contentSecurityPolicy:
                    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

/// Serves open pages before the base asks for a token.
package struct OpenPagesResponder<Base: HTTPResponder>: HTTPResponder {
    package typealias Context = Base.Context

    private let base: Base
    private let pages: OpenPages

    fileprivate init(_ base: Base, pages: OpenPages) {
        self.base = base
        self.pages = pages
    }

    package func respond(to request: Request, context: Context) async throws -> Response {
        if let response = pages.response(to: request) { return response }
        return try await base.respond(to: request, context: context)
    }
}

extension HTTPResponder {
    /// This responder, preceded by open pages.
    package func showing(_ pages: OpenPages) -> OpenPagesResponder<Self> { OpenPagesResponder(self, pages: pages) }
}
