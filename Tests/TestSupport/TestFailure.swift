/// Something that keeps a test from going on; says what and, where there is one, the remedy.
package struct TestFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
