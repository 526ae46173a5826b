/// Something that keeps a test from going on; says what and, where there is one, the remedy.
public struct TestFailure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
