/// A Lua script that a server knows.
package struct RedisScript: Sendable, Equatable {
    package let source: String
    /// The hash that `SCRIPT LOAD` answered.
    package let sha1: String

    package init(source: String, sha1: String) {
        self.source = source
        self.sha1 = sha1
    }
}
