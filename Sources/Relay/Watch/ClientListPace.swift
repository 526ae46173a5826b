/// Decides when `CLIENT LIST` may be asked, which costs Redis time for each client that it has. Times are nanoseconds on the
/// monotonic clock.
struct ClientListPace: Sendable, Equatable {
    static let shortest: UInt64 = 5_000_000_000
    static let longest: UInt64 = 300_000_000_000
    /// An answer that takes longer makes the next question wait.
    static let quick: UInt64 = 10_000_000
    /// With more clients it is not asked at all.
    static let mostClients = 10_000
    /// How often it is looked whether there are fewer by now.
    static let recount: UInt64 = 60_000_000_000

    /// Between two questions.
    private(set) var interval = shortest
    /// True while there are too many clients.
    private(set) var isSuspended = false
    private var dueAt: UInt64 = 0

    /// Whether to count the clients, and to ask if they are few enough.
    func isDue(at now: UInt64) -> Bool { now >= dueAt }

    /// - Parameter clients: of the server; nil where it does not tell.
    /// - Returns: whether to ask.
    mutating func admits(clients: Int?, at now: UInt64) -> Bool {
        isSuspended = (clients ?? 0) > Self.mostClients
        if isSuspended { dueAt = now + Self.recount }
        return !isSuspended
    }

    /// - Parameter duration: what the answer cost the server, as far as it shows from here.
    mutating func answered(in duration: UInt64, at now: UInt64) {
        interval = duration > Self.quick ? min(interval * 2, Self.longest) : max(interval / 2, Self.shortest)
        // A little less, so that a caller that comes by each 5 s is not late by a whole round.
        dueAt = now + interval - interval / 10
    }
}
