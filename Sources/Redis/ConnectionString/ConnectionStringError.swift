/// Why a connection string was refused. The text never repeats the string itself: it may hold a password.
package struct ConnectionStringError: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
