/// Answers commands for several servers, through a ``RedisClient`` that is connected to one of them.
protocol CommandRouter: Sendable {
    /// - Parameter client: gives its server's own reply by ``RedisClient/askServer(_:)``.
    /// - Returns: nil for a command that its server answers alone; an error reply as a value.
    /// - Throws: ``RedisError``.
    func answer(_ command: [RESPArgument], askedOf client: RedisClient) async throws -> RESPValue?
    /// The client's connection is closed.
    func abandon()
}
