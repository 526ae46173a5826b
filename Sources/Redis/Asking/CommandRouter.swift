/// Answers commands that concern more servers than the one that a ``RedisClient`` is connected to.
protocol CommandRouter: Sendable {
    /// - Parameter client: asked for its server's own part by ``RedisClient/askServer(_:)``.
    /// - Returns: nil for a command that its server answers alone; an error reply as a value.
    /// - Throws: ``RedisError``.
    func answer(_ command: [RESPArgument], askedOf client: RedisClient) async throws -> RESPValue?
    /// The client's connection is closed.
    func abandon()
}
