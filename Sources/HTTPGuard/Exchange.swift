/// Tracks requests and responses of one connection, and decides what follows from each step. Pure.
struct Exchange {
    /// What a time limit applies to.
    enum Span: Equatable {
        case header, body, response, idle, farewell, linger
    }

    enum Step: Equatable {
        case goOn
        /// Starts this time limit; the previous one ends.
        case allow(Span)
        /// The header is too large.
        case refuse
        /// Immediately.
        case close
    }

    /// Including extra for non-header bytes: line ends before the request, TLS overhead.
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

    /// A complete request awaits its response, or the connection was upgraded.
    var isAnswering: Bool { isUpgraded || ends > answers }

    /// Incoming data is no longer read.
    var isDeaf: Bool { isRefused }

    /// The request being read has already been answered.
    private var isUnread: Bool { isReading && answers > ends }

    // MARK: - From the client

    /// Bytes were passed on.
    ///
    /// - Parameter before: the state before that.
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
        // If the client does not wait for responses, the response decides.
        return isAnswering ? .goOn : allow(.body)
    }

    mutating func end() -> Step {
        isReading = false
        unread = 0
        ends += 1
        return isAnswering ? allow(.response) : allow(.idle)
    }

    /// Another protocol takes over the connection.
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

    /// The final response was sent.
    mutating func refuse() -> Step {
        isRefused = true
        unread = 0
        return isStopping ? .goOn : .allow(.linger)
    }

    mutating func stop() -> Step {
        guard !isStopping else { return .goOn }
        isStopping = true
        // Do not wait for a client that has not sent a request.
        return isAnswering || isRefused ? .allow(.farewell) : .close
    }

    /// While the server stops, no time limit is extended.
    private func allow(_ span: Span) -> Step { isStopping ? .goOn : .allow(span) }
}
