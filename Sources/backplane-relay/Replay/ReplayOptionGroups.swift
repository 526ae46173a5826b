import ArgumentParser
import Backplane
import Capture
import Replay
import Time

/// The times at which envelopes are published.
struct PaceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "1 is the captured pace, 2.5 is faster, 0.5 slower, from 0.001 to 1000; max is as fast as the target accepts.",
            valueName: "factor"))
    var speed = SpeedArgument(.times(1))

    @Option(help: ArgumentHelp("Envelopes per second, evenly, instead of the captured pace: 500/s.", valueName: "rate"))
    var rate: RateArgument?

    @Option(help: ArgumentHelp("Shorten longer pauses to this, such as 2s.", valueName: "time"))
    var capGap: TimeSpan?

    @Option(help: ArgumentHelp("Replay this many times, or 'forever'.", valueName: "count"))
    var loop = LoopArgument(rounds: 1)

    @Option(help: ArgumentHelp("Publish at most this many envelopes, 1 or more.", valueName: "count"))
    var limit: Int?

    @Option(help: ArgumentHelp("Begin at this time, RFC 3339.", valueName: "time"), transform: Self.time)
    var startAt: UInt64?

    func validate() throws {
        try speed.validate()
        if let rate, !(0.001...10_000_000).contains(rate.perSecond) {
            throw ValidationError("--rate: envelopes a second from 0.001 to 10000000")
        }
        if let rounds = loop.rounds, !(1...1_000_000).contains(rounds) {
            throw ValidationError("--loop: a number from 1 to 1000000, or forever")
        }
        if rate != nil, speed.speed != .times(1) {
            throw ValidationError(
                "--rate: it takes the place of the captured pace, so it cannot be combined with --speed")
        }
        if capGap != nil, rate != nil || speed.speed == .maximum {
            throw ValidationError("--cap-gap: there are no pauses with --rate or --speed max")
        }
        if let limit, limit < 1 { throw ValidationError("--limit: \(limit) envelopes cannot be published; 1 or more") }
    }

    var effectiveSpeed: ReplaySchedule.Speed { rate.map { .rate($0.perSecond) } ?? speed.speed }

    private static func time(_ text: String) throws -> UInt64 {
        guard let time = UTCTime.parse(text) else {
            throw ValidationError("'\(text)' is not a time; write it like 2026-11-22T21:58:00Z")
        }
        return time
    }
}

/// `500/s`, `500`.
struct RateArgument: ExpressibleByArgument {
    let perSecond: Double

    init?(argument: String) {
        guard let number = Double(argument.hasSuffix("/s") ? String(argument.dropLast(2)) : argument), number.isFinite
        else { return nil }
        perSecond = number
    }
}

/// `3`, `forever`.
struct LoopArgument: ExpressibleByArgument {
    /// nil for no end.
    let rounds: Int?

    init(rounds: Int?) {
        self.rounds = rounds
    }

    init?(argument: String) {
        if argument == "forever" {
            rounds = nil
        } else if let number = Int(argument) {
            rounds = number
        } else {
            return nil
        }
    }

    var defaultValueDescription: String { rounds.map { "\($0)" } ?? "forever" }
}
