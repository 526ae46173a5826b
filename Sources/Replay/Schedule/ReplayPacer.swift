import CLinux
import Capture
import Time

/// Waits for each envelope's time, which the operator may change meanwhile. For the replaying thread.
struct ReplayPacer {
    /// Ends the replay gracefully.
    struct Stopped: Error {}

    /// Time between the start and the first deadline, in nanoseconds.
    private static let headStart: UInt64 = 1_000_000
    /// Maximum reaction time to a key or Ctrl-C; nanoseconds.
    private static let longestSleep: UInt64 = 20_000_000
    /// How long before its deadline an envelope is handed over, in nanoseconds, if there is time: this thread and the
    /// event loop need about that long to wake up. ``ReplaySender`` waits for the exact time.
    private static let lead: UInt64 = 80_000

    private let control: ReplayControl
    private let clock: any ReplayClock
    private let speed: ReplaySchedule.Speed
    /// Nanoseconds since 1970; nil for immediately.
    private let startAt: UInt64?
    private var schedule: ReplaySchedule
    private var factor = 1.0
    /// Deadline of offset 0, monotonic, in nanoseconds.
    private var start: UInt64?
    private var firstOffset: UInt64 = 0
    private(set) var lastOffset: UInt64 = 0

    /// - Parameters:
    ///   - longestPause: longer ones are shortened to this; nanoseconds.
    ///   - startAt: when the first envelope is due, nanoseconds since 1970; nil for immediately.
    init(
        speed: ReplaySchedule.Speed, longestPause: UInt64?, startAt: UInt64?, control: ReplayControl,
        clock: any ReplayClock
    ) {
        self.speed = speed
        self.startAt = startAt
        self.control = control
        self.clock = clock
        schedule = ReplaySchedule(speed: speed, longestPause: longestPause)
    }

    /// The capture starts over.
    mutating func beginRound() { schedule.beginRound() }

    /// When the next envelope is due, in nanoseconds since the start; nil for immediately. Must be called for every
    /// envelope, including skipped ones.
    mutating func due(receivedAt: UInt64) -> UInt64? { schedule.due(receivedAt: receivedAt) }

    /// Waits until shortly before an envelope is due.
    ///
    /// - Parameters:
    ///   - offset: from ``due(receivedAt:)``.
    ///   - flush: called before each wait, with the time of the last due envelope; it must not block.
    /// - Returns: its deadline, monotonic, in nanoseconds; nil if it has none.
    /// - Throws: ``Stopped``; errors of `flush`.
    mutating func wait(until offset: UInt64?, flush: (_ lastOffset: UInt64) throws -> Void) throws -> UInt64? {
        guard let offset else {
            if start == nil { try begin(at: 0, flush) }
            if control.isPaused || control.isStopped { _ = try rest(flush) }
            return nil
        }
        if start == nil { try begin(at: offset, flush) }
        adoptSpeed()
        // If envelopes follow each other too closely, the event loop would only wait.
        let lead = offset >= lastOffset + 2 * Self.lead ? Self.lead : 0
        while true {
            if control.isStopped { throw Stopped() }
            if control.isPaused, try rest(flush) {
                // A single step: due now, and later deadlines count from now.
                start = clock.now().monotonic &- offset
                break
            }
            let now = clock.now().monotonic
            let deadline = deadline(offset)
            if deadline <= now + lead { break }
            try flush(lastOffset)
            clock.sleep(until: min(deadline - lead, now + Self.longestSleep))
        }
        lastOffset = offset
        return deadline(offset)
    }

    /// Rated time up to the last envelope, and the actual time without pauses; nil before the first one.
    ///
    /// - Parameter lastWrittenAt: monotonic, in nanoseconds.
    func figures(lastWrittenAt: UInt64) -> (rated: UInt64?, actual: UInt64)? {
        guard let start, lastWrittenAt > 0 else { return nil }
        let first = start &+ firstOffset
        let actual = lastWrittenAt > first ? lastWrittenAt - first : 0
        if case .maximum = speed { return (nil, actual) }
        return (lastOffset - firstOffset, actual)
    }

    // MARK: - Private

    private func deadline(_ offset: UInt64) -> UInt64 { (start ?? 0) &+ offset }

    /// The first envelope is due soon, or at the requested time; the others follow.
    private mutating func begin(at offset: UInt64, _ flush: (UInt64) throws -> Void) throws {
        // In steps: the clock may be set meanwhile.
        while let startAt {
            let now = clock.now()
            guard now.realtime + Self.longestSleep < startAt else { break }
            if control.isStopped { throw Stopped() }
            clock.sleep(until: now.monotonic + Self.longestSleep)
        }
        let now = clock.now()
        var lead = Self.headStart
        if let startAt { lead = startAt > now.realtime ? startAt - now.realtime : 0 }
        if case .maximum = speed {
            clock.sleep(until: startAt == nil ? 0 : now.monotonic + lead)
            start = clock.now().monotonic
        } else {
            start = now.monotonic &+ lead &- offset
        }
        firstOffset = offset
        lastOffset = offset
    }

    /// The operator changed the speed: effective after this envelope.
    private mutating func adoptSpeed() {
        let wanted = control.factor
        guard wanted != factor else { return }
        factor = wanted
        switch speed {
        case .times(let speed): schedule.change(to: .times(speed * wanted))
        case .rate(let rate): schedule.change(to: .rate(rate * wanted))
        case .maximum: break
        }
    }

    /// Waits while paused; all deadlines are shifted.
    ///
    /// - Returns: true if it continues with a single envelope.
    private mutating func rest(_ flush: (UInt64) throws -> Void) throws -> Bool {
        try flush(lastOffset)
        control.rests(true)
        defer { control.rests(false) }
        let before = clock.now().monotonic
        var isStep = false
        while control.isPaused, !isStep {
            if control.isStopped { throw Stopped() }
            isStep = control.takeStep()
            if !isStep { clock.sleep(until: clock.now().monotonic + Self.longestSleep) }
        }
        if control.isStopped { throw Stopped() }
        if let start { self.start = start &+ (clock.now().monotonic - before) }
        return isStep
    }
}

/// The clock of a replay.
protocol ReplayClock: Sendable {
    func now() -> Moment

    /// Yields the CPU.
    ///
    /// - Parameter deadline: monotonic, in nanoseconds; absolute, so that errors do not accumulate.
    func sleep(until deadline: UInt64)

    /// Busy-waits, so the deadline must be near.
    ///
    /// - Parameter deadline: monotonic, in nanoseconds.
    func spin(until deadline: UInt64)
}

/// The clock of this machine.
struct SystemReplayClock: ReplayClock {
    func now() -> Moment { .now() }

    func sleep(until deadline: UInt64) { clinux_sleep_until(deadline) }

    func spin(until deadline: UInt64) {
        while Moment.now().monotonic < deadline {}
    }
}

/// When each envelope is due, from the start: absolute deadlines, so that errors do not accumulate.
package struct ReplaySchedule: Sendable, Equatable {
    /// The pace of envelopes.
    package enum Speed: Sendable, Equatable {
        /// 1 is the captured pace, 2 twice as fast.
        case times(Double)
        /// Envelopes per second, evenly.
        case rate(Double)
        /// As fast as the target accepts them.
        case maximum
    }

    private static let latest = Double(UInt64.max / 2)

    private(set) var speed: Speed
    /// Longer pauses, as seen by the target, are shortened to this; nanoseconds.
    private let longestPause: UInt64?
    /// Start of the current speed, and the captured and published times since then.
    private var base: UInt64 = 0
    private var captured: UInt64 = 0
    private var count = 0
    /// Receipt time of the previous envelope; nil at the start of a round.
    private var lastReceivedAt: UInt64?
    private var last: UInt64 = 0

    /// - Parameter longestPause: in nanoseconds; nil for unlimited.
    package init(speed: Speed, longestPause: UInt64? = nil) {
        Self.check(speed)
        self.speed = speed
        self.longestPause = longestPause
    }

    /// When the next envelope is due, in nanoseconds since the start; nil for immediately.
    ///
    /// - Parameter receivedAt: as captured.
    package mutating func due(receivedAt: UInt64) -> UInt64? {
        // In a capture with several segments, time may step back slightly where they overlap: then it is due
        // immediately.
        if let lastReceivedAt, receivedAt > lastReceivedAt {
            captured = captured.addingSaturated(min(receivedAt - lastReceivedAt, longestCapturedPause))
        }
        lastReceivedAt = max(lastReceivedAt ?? 0, receivedAt)
        defer { count += 1 }
        switch speed {
        case .times(let factor): last = base.addingSaturated(UInt64(min(Double(captured) / factor, Self.latest)))
        case .rate(let rate): last = base.addingSaturated(UInt64(min(Double(count) * 1e9 / rate, Self.latest)))
        case .maximum: return nil
        }
        return last
    }

    /// The capture starts over, after what was replayed.
    package mutating func beginRound() {
        lastReceivedAt = nil
    }

    /// From the last envelope on.
    package mutating func change(to speed: Speed) {
        Self.check(speed)
        base = last
        captured = 0
        count = 1
        self.speed = speed
    }

    private var longestCapturedPause: UInt64 {
        guard let longestPause, case .times(let factor) = speed else { return longestPause == nil ? .max : 0 }
        return UInt64(min(Double(longestPause) * factor, Self.latest))
    }

    private static func check(_ speed: Speed) {
        switch speed {
        case .times(let value), .rate(let value): precondition(value > 0 && value.isFinite)
        case .maximum: break
        }
    }
}

extension UInt64 {
    func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
