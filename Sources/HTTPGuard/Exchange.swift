/// How far the requests of one connection and their answers are, and what follows from each step. Pure.
struct Exchange {
    /// What a connection is given time for.
    enum Span: Equatable {
        case header, body, response, idle, farewell, linger
    }

    enum Step: Equatable {
        case goOn
        /// The time for it begins; what was given before is over.
        case allow(Span)
        /// More header than a request may have.
        case refuse
        /// At once.
        case close
    }

    /// With room for what is no header: line ends before the request, what TLS adds.
    let headerBytes: Int
    let unreadBytes: Int
    private(set) var heads = 0
    private var ends = 0
    private var answers = 0
    private var isReading = false
    private var isUpgraded = false
    private var isRefused = false
    private var isStopping = false
    private var headerSoFar = 0
    private var unread = 0

    init(headerBytes: Int, unreadBytes: Int) {
        self.headerBytes = headerBytes
        self.unreadBytes = unreadBytes
    }

    /// A whole request waits for its answer, or the connection has become another protocol's.
    var isAnswering: Bool { isUpgraded || ends > answers }

    /// Nothing that comes is read any more.
    var isDeaf: Bool { isRefused }

    /// The request that is being read has had its answer.
    private var isUnread: Bool { isReading && answers > ends }

    // MARK: - From the client

    /// Bytes that have been handed on.
    ///
    /// - Parameter before: of before they were.
    mutating func received(_ bytes: Int, before: Exchange) -> Step {
        if isRefused || (isUnread && before.isUnread) {
            unread += bytes
            return unread > unreadBytes ? .close : .goOn
        }
        guard !isAnswering, !isReading, before.heads == heads, !before.isReading, !before.isAnswering else {
            return .goOn
        }
        let isFirst = headerSoFar == 0 && ends > 0
        headerSoFar += bytes
        if headerSoFar > headerBytes { return .refuse }
        return isFirst ? allow(.header) : .goOn
    }

    mutating func head() -> Step {
        heads += 1
        isReading = true
        headerSoFar = 0
        // Of a client that does not wait for its answers, the answer decides.
        return isAnswering ? .goOn : allow(.body)
    }

    mutating func end() -> Step {
        isReading = false
        unread = 0
        ends += 1
        return isAnswering ? allow(.response) : allow(.idle)
    }

    /// Another protocol takes the connection over.
    mutating func upgrade() {
        isUpgraded = true
        isReading = false
    }

    // MARK: - To the client

    mutating func wrotePiece() -> Step { isAnswering ? allow(.response) : .goOn }

    mutating func wroteAnswer() -> Step {
        answers += 1
        if isUnread { return .goOn }
        return isAnswering ? allow(.response) : allow(.idle)
    }

    /// The last word was said.
    mutating func refuse() -> Step {
        isRefused = true
        unread = 0
        return isStopping ? .goOn : .allow(.linger)
    }

    mutating func stop() -> Step {
        guard !isStopping else { return .goOn }
        isStopping = true
        // Nobody is waited for who has not even asked.
        return isAnswering || isRefused ? .allow(.farewell) : .close
    }

    /// Once the server stops, nothing buys more time.
    private func allow(_ span: Span) -> Step { isStopping ? .goOn : .allow(span) }
}
