import NIOCore

/// The timers of a client of ASP.NET Core SignalR, which all end with its transport. Bodies run on the event loop.
struct CoreTimers {
    private let eventLoop: any EventLoop
    /// For opening, the handshake, and the next attempt.
    private var step: Scheduled<Void>?
    /// For pings, and for a node that is silent.
    private var check: Scheduled<Void>?
    private var beat: CoreBeat?
    private var acknowledgement: Scheduled<Void>?

    init(on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    mutating func cancelAll() {
        for timer in [step, check, acknowledgement] { timer?.cancel() }
        (step, check, acknowledgement, beat) = (nil, nil, nil, nil)
    }

    // MARK: - Steps

    /// Replaces the current step.
    mutating func schedule(in delay: TimeAmount, _ body: @escaping @Sendable () -> Void) {
        step?.cancel()
        step = eventLoop.scheduleTask(in: delay, body)
    }

    mutating func cancelStep() {
        step?.cancel()
        step = nil
    }

    // MARK: - Pings and silence

    mutating func start(_ beat: CoreBeat) { self.beat = beat }

    mutating func sent() { beat?.sent(at: .now()) }

    mutating func received() { beat?.received(at: .now()) }

    /// What is due now; nil without a beat.
    var due: CoreBeat.Due? { beat?.due(at: .now()) }

    mutating func scheduleCheck(at time: NIODeadline, _ body: @escaping @Sendable () -> Void) {
        check = eventLoop.scheduleTask(deadline: time, body)
    }

    // MARK: - Acks

    /// Does nothing if an Ack is already scheduled; ``acknowledged()`` allows the next one.
    mutating func scheduleAcknowledgement(in delay: TimeAmount, _ body: @escaping @Sendable () -> Void) {
        guard acknowledgement == nil else { return }
        acknowledgement = eventLoop.scheduleTask(in: delay, body)
    }

    mutating func acknowledged() { acknowledgement = nil }
}
