import TestSupport

/// The `hub` command as a separate process.
enum HubProcess {
    /// Runs it until `body` returns.
    ///
    /// - Parameter port: 0 for a free one.
    static func with(
        _ arguments: [String], port: Int = 0, _ folder: String,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (_ port: Int, _ node: ChildProcess) async throws -> Void
    ) async throws {
        let node = try await ChildProcess.start(
            RelayProcess.path(), ["hub", "--listen", "127.0.0.1:\(port)"] + arguments, folder: folder)
        do {
            let port = try await eventually("the node listens") {
                node.errors.firstMatch(of: #/page=http://127\.0\.0\.1:(\d+)/#).flatMap { Int($0.1) }
            }
            try await eventually("the node is ready") {
                try await HTTPAnswer.get(port: port, "/-/ready")?.status == 200 ? true : nil
            }
            try await body(port, node)
            await node.terminate()
        } catch {
            await node.terminate()
            throw TestFailure("\(error)\n\(node.errors.suffix(2_000))")
        }
    }
}
