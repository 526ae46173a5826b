/// A Lua script that a server knows.
public struct RedisScript: Sendable, Equatable {
    public let source: String
    /// The hash that `SCRIPT LOAD` answered.
    public let sha1: String

    public init(source: String, sha1: String) {
        self.source = source
        self.sha1 = sha1
    }
}
