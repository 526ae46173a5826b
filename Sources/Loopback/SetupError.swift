/// Something that keeps a demo or check from being carried out; says what and what to do.
package struct SetupError: Error, Sendable, CustomStringConvertible {
    package let description: String
    /// The error of a client of a node, where that is the reason.
    package let cause: (any Error)?

    package init(_ description: String, cause: (any Error)? = nil) {
        self.description = description
        self.cause = cause
    }
}
