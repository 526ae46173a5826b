import NIOCore
import NIOPosix

/// Keeps the login of one connection valid while it is open: reads the password file, and performs what
/// ``LoginRenewal`` decides. Belongs to the connection's event loop; the file is read on another thread.
final class LoginKeeper {
    private let configuration: RedisConfiguration
    private let endpoint: String
    private let loop: any EventLoop
    private let send: (RedisCredentials) -> Void
    private var renewal: LoginRenewal
    private var ticker: RepeatedTask?
    private var isReading = false

    /// - Parameters:
    ///   - credentials: the login of the connection.
    ///   - send: sends AUTH; its reply belongs to ``answered(_:)``.
    /// - Returns: nil if the password is not from a file.
    init?(
        _ configuration: RedisConfiguration, credentials: RedisCredentials?, endpoint: String, loop: any EventLoop,
        send: @escaping (RedisCredentials) -> Void
    ) {
        guard configuration.passwordFile != nil, let credentials else { return nil }
        self.configuration = configuration
        self.endpoint = endpoint
        self.loop = loop
        self.send = send
        renewal = LoginRenewal(accepted: credentials)
    }

    func start() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        ticker = loop.scheduleRepeatedTask(initialDelay: LoginRenewal.interval, delay: LoginRenewal.interval) { _ in
            bound.value.look()
        }
    }

    func stop() {
        ticker?.cancel()
        ticker = nil
    }

    /// Reads the file.
    ///
    /// - Parameter isDemanded: whether the server asks for a login (`NOAUTH`).
    func look(isDemanded: Bool = false) {
        guard ticker != nil, !isReading else { return }
        isReading = true
        let bound = NIOLoopBound(self, eventLoop: loop)
        NIOThreadPool.singleton.runIfActive(eventLoop: loop) { [configuration] in
            Self.read(configuration)
        }.whenSuccess { bound.value.wasRead($0, isDemanded: isDemanded) }
    }

    /// - Returns: nil for a file that is not to be read again.
    private static func read(_ configuration: RedisConfiguration) -> Result<RedisCredentials, RedisError>? {
        if configuration.passwordFile?.isConsumed == true { return nil }
        do {
            return try configuration.credentials().map { .success($0) }
        } catch {
            return .failure(error)
        }
    }

    private func wasRead(_ file: Result<RedisCredentials, RedisError>?, isDemanded: Bool) {
        isReading = false
        guard ticker != nil, let file else { return }
        switch renewal.read(file, isDemanded: isDemanded, at: loop.now) {
        case .logIn(let credentials): send(credentials)
        case .report(let outcome, let isRepeated): tell(outcome, isRepeated: isRepeated)
        case nil: break
        }
    }

    /// The reply to AUTH.
    func answered(_ reply: RESPValue) {
        if let (outcome, isRepeated) = renewal.answered(reply, at: loop.now) { tell(outcome, isRepeated: isRepeated) }
    }

    private func tell(_ outcome: LoginNews.Outcome, isRepeated: Bool) {
        configuration.observer?.loggedIn(
            LoginNews(
                outcome: outcome, isRepeated: isRepeated, endpoint: endpoint,
                clientName: configuration.printableClientName))
    }
}
