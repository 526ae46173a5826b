import Foundation

/// Debian's nginx on a free loopback port, with the test's locations.
package struct NginxServer: Sendable {
    package let port: Int
    private let child: ChildProcess

    /// - Parameters:
    ///   - locations: of its only server, in nginx's syntax.
    ///   - upstream: groups of servers that the locations name, and further servers.
    package static func with<Value>(
        locations: String, upstream: String = "", isolation: isolated (any Actor)? = #isolation,
        _ body: (NginxServer) async throws -> Value
    ) async throws -> Value {
        try await TemporaryDirectory.with { folder in
            let port = try FreePort.find()
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map { "\($0)_temp_path \(folder)/\($0);" }.joined(separator: " ")
            let configuration = """
                daemon off; master_process off; pid \(folder)/nginx.pid; error_log stderr;
                events { worker_connections 256; }
                http {
                  access_log off; \(temporary)
                  \(upstream)
                  server { listen 127.0.0.1:\(port);
                \(locations)
                  }
                }
                """
            try Data(configuration.utf8).write(to: URL(filePath: folder + "/nginx.conf"))
            let child = try await ChildProcess.start(
                Tool.nginx.requiredPath(), ["-c", folder + "/nginx.conf", "-e", "stderr"], folder: folder)
            do {
                try await eventually("nginx answers") { try await HTTPAnswer.get(port: port, "/") == nil ? nil : true }
                let value = try await body(NginxServer(port: port, child: child))
                await child.terminate()
                return value
            } catch {
                await child.terminate()
                throw TestFailure("\(error)\n\(child.errors.suffix(2_000))")
            }
        }
    }
}
