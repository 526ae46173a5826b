import NIOCore

/// Decides when an open connection logs in again: when the password in its file has changed, and when the server asks
/// for a login. Decision logic without I/O; time is an argument.
struct LoginRenewal {
    enum Action: Equatable {
        case logIn(RedisCredentials)
        case report(LoginNews.Outcome, isRepeated: Bool)
    }

    /// How often the file is read. The content is compared, not the time of the change: it is the same for a file that
    /// was written in place, one that was replaced, and a symbolic link that points elsewhere now.
    static let interval = TimeAmount.seconds(2)
    /// Pauses between two attempts with the same refused password: doubled up to the second.
    static let firstPause = TimeAmount.seconds(2)
    static let lastPause = TimeAmount.seconds(60)
    /// A file may be empty for a moment while it is written.
    private static let failuresToReport = 2
    /// Then it is reported again after this many reads: every minute.
    private static let failuresBetween = 30

    private struct Refusal {
        let credentials: RedisCredentials
        let pause: TimeAmount
        let until: NIODeadline
    }

    private var accepted: RedisCredentials
    private var pending: RedisCredentials?
    private var refusal: Refusal?
    private var failures = 0

    /// - Parameter accepted: the login of the connection.
    init(accepted: RedisCredentials) {
        self.accepted = accepted
    }

    /// The file was read.
    ///
    /// - Parameter isDemanded: whether the server asks for a login.
    mutating func read(
        _ file: Result<RedisCredentials, RedisError>, isDemanded: Bool = false, at now: NIODeadline
    ) -> Action? {
        guard pending == nil else { return nil }
        switch file {
        case .failure(let error):
            failures += 1
            let since = failures - Self.failuresToReport
            guard since >= 0, since % Self.failuresBetween == 0 else { return nil }
            return .report(.unreadable(reason: error.description), isRepeated: since > 0)
        case .success(let credentials):
            failures = 0
            if credentials == accepted, !isDemanded {
                refusal = nil
                return nil
            }
            if let refusal, refusal.credentials == credentials, now < refusal.until { return nil }
            pending = credentials
            return .logIn(credentials)
        }
    }

    /// The reply to a login.
    mutating func answered(
        _ reply: RESPValue, at now: NIODeadline
    ) -> (outcome: LoginNews.Outcome, isRepeated: Bool)? {
        guard let credentials = pending else { return nil }
        pending = nil
        guard case .error(let text) = reply else {
            accepted = credentials
            refusal = nil
            return (.renewed, false)
        }
        let last = refusal.flatMap { $0.credentials == credentials ? $0 : nil }
        let pause = last.map { min($0.pause + $0.pause, Self.lastPause) } ?? Self.firstPause
        refusal = Refusal(credentials: credentials, pause: pause, until: now + pause)
        // RESP2 admits few commands while subscribed.
        let isImpossible = text.hasPrefix("ERR Can't execute")
        return (isImpossible ? .impossible : .refused(reply: credentials.scrubbed(text)), last != nil)
    }
}
