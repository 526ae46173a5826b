/// Something that keeps a test from going on; says what and, where there is one, the remedy.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
