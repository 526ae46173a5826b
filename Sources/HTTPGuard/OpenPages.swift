import HTTPTypes
package import Hummingbird
import NIOCore

/// Static pages without data, which need no token.
package struct OpenPages: Sendable {
    /// What is at a path.
    package enum Page: Sendable {
        /// - Parameter isFound: false answers 404.
        case html(String, isFound: Bool = true)
        case style(String)
        /// - Parameter to: relative to the request's path, because a proxy may add a prefix.
        case moved(to: String)
    }

    /// No pages: every path is left to others.
    package static let none = OpenPages { _ in nil }

    private let page: @Sendable (_ path: String) -> Page?

    /// - Parameter page: the page at a path; nil for other paths.
    package init(_ page: @escaping @Sendable (_ path: String) -> Page?) {
        self.page = page
    }

    /// Answers `GET` for an open page.
    ///
    /// - Returns: nil for another method or path.
    package func response(to request: Request) -> Response? {
        guard request.method == .get, let page = page(request.uri.path) else { return nil }
        switch page {
        case .html(let text, let isFound):
            return Self.response(text, "text/html; charset=utf-8", isFound ? .ok : .notFound)
        case .style(let text): return Self.response(text, "text/css; charset=utf-8", .ok)
        case .moved(let path): return Response(status: .movedPermanently, headers: [.location: path])
        }
    }

    private static func response(_ text: String, _ type: String, _ status: HTTPResponse.Status) -> Response {
        Response(
            page: ByteBuffer(string: text), type: type, status: status,
            policy:
                "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    }
}

/// Serves open pages before the base asks for a token.
package struct OpenPagesResponder<Base: HTTPResponder>: HTTPResponder {
    /// The context of the base.
    package typealias Context = Base.Context

    private let base: Base
    private let pages: OpenPages

    fileprivate init(_ base: Base, pages: OpenPages) {
        self.base = base
        self.pages = pages
    }

    /// Answers open pages itself, and passes other requests to the base.
    package func respond(to request: Request, context: Context) async throws -> Response {
        if let response = pages.response(to: request) { return response }
        return try await base.respond(to: request, context: context)
    }
}

extension HTTPResponder {
    /// This responder, preceded by open pages.
    package func showing(_ pages: OpenPages) -> OpenPagesResponder<Self> { OpenPagesResponder(self, pages: pages) }
}
