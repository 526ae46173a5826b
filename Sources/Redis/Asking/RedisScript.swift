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
