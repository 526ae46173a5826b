/// Why a connection string was refused. The text never repeats the string itself: it may hold a password.
public struct ConnectionStringError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
