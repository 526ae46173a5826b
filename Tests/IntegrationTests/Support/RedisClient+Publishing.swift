import Redis

extension RedisClient {
    /// Assigns the next id and publishes in one transaction, as nodes do by their script: whoever reads the counter at any
    /// moment finds no id that has yet to be published. For the only publisher of an event key.
    ///
    /// - Parameter envelope: the payload for an id.
    /// - Returns: the payload, and the answer of PUBLISH.
    func publishNext(_ key: String, _ envelope: (UInt64) -> [UInt8]) async throws -> (
        payload: [UInt8], receivers: Int64?
    ) {
        let id = try await send(["GET", .text(key)]).text.flatMap { UInt64($0) } ?? 0
        let payload = envelope(id + 1)
        try await send(["MULTI"])
        try await send(["INCR", .text(key)])
        try await send(["PUBLISH", .text(key), .bytes(payload)])
        let replies = try await send(["EXEC"]).array
        return (payload, replies?.last?.integer)
    }
}
