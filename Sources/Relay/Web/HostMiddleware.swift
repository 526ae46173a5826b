import HTTPGuard
import HTTPTypes
import Hummingbird
import NIOCore
import Backplane

/// Refuses what was asked under a name that is not ours: 421. The health is told under any name: probes ask under many, and it
/// names nothing.
struct HostMiddleware<Context: RequestContext>: RouterMiddleware {
    let policy: HostPolicy
    let openPaths: Set<String>
    /// What to do where the name is right, in words.
    let remedy: String

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard !openPaths.contains(request.uri.path) else { return try await next(request, context) }
        let names = Self.names(in: request)
        guard let stranger = names.first(where: { !policy.admits($0) }) else { return try await next(request, context) }
        return Response(
            status: .misdirectedRequest, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: sentence(stranger))))
    }

    /// Of the header, or of several. A host in the target is not looked at: browsers say the same in both.
    static func names(in request: Request) -> [String?] {
        var names = [request.head.authority]
        if let host = HTTPField.Name("Host") { names += request.headers[values: host].map { $0 } }
        return names
    }

    private func sentence(_ name: String?) -> String {
        let asked = name.map { "'\(PrintableText.line($0.prefix(200).utf8))'" } ?? "no name"
        return """
            This relay listens on the loopback, so it answers to localhost, 127.0.0.1 and [::1] only, and was asked under \
            \(asked). If that is its name, for instance behind a proxy: \(remedy).

            """
    }
}
