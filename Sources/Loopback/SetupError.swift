/// Something that keeps a demo or check from being carried out; says what and what to do.
package struct SetupError: Error, Sendable, CustomStringConvertible {
    package let description: String
    /// What a client of a node said, where that is the reason.
    let cause: SignalRClientError?

    init(_ description: String, cause: SignalRClientError? = nil) {
        self.description = description
        self.cause = cause
    }
}
