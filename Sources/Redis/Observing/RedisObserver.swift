package import Logging

/// Notified of what the connections of a configuration do. Both closures are called on event loops and must not block.
package final class RedisObserver: Sendable, Equatable {
    /// A command was answered, possibly with an error.
    ///
    /// - Parameters:
    ///   - command: nil for one that is not in the list.
    ///   - nanoseconds: from the call to the reply.
    let answered: @Sendable (_ command: AskedCommand?, _ nanoseconds: Int64) -> Void
    /// A connection has renewed its login, or could not.
    let loggedIn: @Sendable (LoginNews) -> Void

    /// - Parameters: as the properties of the same names.
    package init(
        answered: @escaping @Sendable (_ command: AskedCommand?, _ nanoseconds: Int64) -> Void = { _, _ in },
        loggedIn: @escaping @Sendable (LoginNews) -> Void
    ) {
        self.answered = answered
        self.loggedIn = loggedIn
    }

    /// The same for a connection that publishes: notified of logins only.
    package var ofLogins: RedisObserver { RedisObserver(loggedIn: loggedIn) }

    /// Only the same object is equal.
    package static func == (first: RedisObserver, second: RedisObserver) -> Bool { first === second }
}

/// The outcome of renewing the login of one connection.
package struct LoginNews: Sendable, Equatable {
    /// What happened.
    package enum Outcome: Sendable, Equatable {
        /// The server has accepted the changed password.
        case renewed
        /// The server has refused it, with this reply; the connection stays logged in with the previous one.
        case refused(reply: String)
        /// The file cannot be read.
        case unreadable(reason: String)
        /// A subscribed connection may not log in again: the server does not speak RESP3.
        case impossible
    }

    /// What happened.
    package var outcome: Outcome
    /// True for another refusal of the same password.
    package var isRepeated: Bool
    /// `host:port`
    package var endpoint: String
    /// The connection's name in `CLIENT LIST`.
    package var clientName: String
}

extension LoginNews {
    /// The value of the metric's label.
    package var label: String {
        switch outcome {
        case .renewed: "renewed"
        case .refused: "refused"
        case .unreadable: "unreadable"
        case .impossible: "impossible"
        }
    }

    /// All values of ``label``.
    package static let labels = ["renewed", "refused", "unreadable", "impossible"]
    /// HELP of a metric with this label.
    package static let help =
        "Attempts of open connections to log in again after the password file changed, by result: renewed, refused by the server, unreadable file, or impossible because the server does not speak RESP3."

    /// Writes one line, unless it is repeated.
    package func log(to logger: Logger) {
        guard !isRepeated else { return }
        var metadata: Logger.Metadata = ["redis": "\(endpoint)", "connection": "\(clientName)"]
        switch outcome {
        case .renewed: logger.info("logged in again with the changed password", metadata: metadata)
        case .refused(let reply):
            metadata["cause"] = "\(reply)"
            logger.warning(
                "Redis refuses the changed password; the connection stays logged in with the previous one, trying again",
                metadata: metadata)
        case .unreadable(let reason):
            metadata["cause"] = "\(reason)"
            logger.warning(
                "the password cannot be read again; the connection stays logged in with the previous one, trying again",
                metadata: metadata)
        case .impossible:
            logger.warning(
                "Redis does not let a subscription log in again with the changed password, because it does not speak RESP3; it reconnects when Redis ends the connection",
                metadata: metadata)
        }
    }
}
