import HTTPTypes
package import Hummingbird

/// Answers `HEAD` like `GET` without the body: load balancers check health that way.
package struct HeadResponder<Base: HTTPResponder>: HTTPResponder {
    /// The context of the base.
    package typealias Context = Base.Context

    private let base: Base
    private let changesSomething: @Sendable (Request) -> Bool

    /// - Parameter changesSomething: true for a `GET` request that has side effects; `HEAD` is then answered with 405.
    package init(_ base: Base, changesSomething: @escaping @Sendable (Request) -> Bool = { _ in false }) {
        self.base = base
        self.changesSomething = changesSomething
    }

    /// Answers as described above; throws what the base throws.
    package func respond(to request: Request, context: Context) async throws -> Response {
        guard request.method == .head else { return try await base.respond(to: request, context: context) }
        guard !changesSomething(request) else {
            return Response(status: .methodNotAllowed, headers: [.allow: "GET, POST"])
        }
        var head = request.head
        head.method = .get
        let response = try await base.respond(to: Request(head: head, body: request.body), context: context)
        // Not ResponseBody(), whose length is 0: keeps the length of the `GET` response if known.
        return Response(
            status: response.status, headers: response.headers, body: ResponseBody { try await $0.finish(nil) })
    }
}
