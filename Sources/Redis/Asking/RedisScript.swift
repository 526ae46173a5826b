/// A Lua script known to the server.
package struct RedisScript: Sendable, Equatable {
    /// Lua.
    package let source: String
    /// The hash returned by `SCRIPT LOAD`.
    package let sha1: String

    /// - Parameter sha1: 40 lower-case hexadecimal digits.
    package init(source: String, sha1: String) {
        self.source = source
        self.sha1 = sha1
    }
}

extension RedisClient {
    /// Runs a script by its hash, or by its source if the server does not have it.
    @discardableResult
    package func evaluate(_ script: RedisScript, keys: [RESPArgument], arguments: [RESPArgument]) async throws
        -> RESPValue
    {
        let rest = ["\(keys.count)"] + keys + arguments
        do {
            return try await send(["EVALSHA", .text(script.sha1)] + rest)
        } catch RedisError.serverError(_, let reply) where reply.hasPrefix("NOSCRIPT") {
            return try await send(["EVAL", .text(script.source)] + rest)
        }
    }

    /// Loads a script into the server.
    package func load(script source: String) async throws -> RedisScript {
        let reply = try await send(["SCRIPT", "LOAD", .text(source)])
        guard let sha1 = reply.text else {
            throw RedisError.unexpectedReply(command: "SCRIPT LOAD", reply: reply.summary)
        }
        return RedisScript(source: source, sha1: sha1)
    }
}
