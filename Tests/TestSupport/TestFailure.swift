/// A problem that prevents a test from continuing, with the remedy if there is one.
package struct TestFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
