package import Backplane
package import Capture

/// How a replay went.
package struct ReplayReport: Sendable {
    private static let listedUncertain = 65_536

    /// Envelopes that the target confirmed, and their payload bytes without ids.
    package internal(set) var sent = 0
    package internal(set) var bytes = 0
    /// Envelopes without an id: nothing that a node's script published, so nothing to publish again.
    package internal(set) var skipped = 0
    /// Envelopes of ASP.NET Core that are not published, because they mean nothing at another Redis, by kind.
    package internal(set) var leftOut: [CoreLeftOut: Int] = [:]
    /// Envelopes of ASP.NET Core that could not get the frames that were asked for, by reason.
    package internal(set) var refused: [String: Int] = [:]
    /// Ids that the target gave to the first and the last envelope.
    package internal(set) var firstID: Int64?
    package internal(set) var lastID: Int64?
    /// Receivers of a publish, as the target counted them.
    package internal(set) var receivers = Distribution()
    /// Time that the capture spans, divided by the speed; nil at maximum speed. Nanoseconds.
    package internal(set) var ratedNanoseconds: UInt64?
    /// Time from the first deadline to the last write, pauses left out.
    package internal(set) var actualNanoseconds: UInt64 = 0
    /// Given to the socket so long after the deadline, in nanoseconds; empty at maximum speed.
    package internal(set) var lateness = Distribution()
    /// Captured ids of envelopes that were sent and not answered: they may have been published twice, or not at all if the
    /// replay stopped there. The first 65,536; nil for one without an id.
    package private(set) var uncertain: [UInt64?] = []
    /// All of them, those that are not listed included.
    package private(set) var uncertainCount = 0
    /// Envelopes that an earlier run of this replay had published.
    package internal(set) var resumedAfter = 0
    /// Error answers and lost connections.
    package internal(set) var errors = 0
    /// It was asked to stop before the end.
    package internal(set) var wasStopped = false
    /// Why it ended before the end, in words.
    package internal(set) var failure: String?
    /// Published although one before them was refused: they were under way.
    package internal(set) var publishedBehind = 0
    /// Captured id of the last envelope that was published.
    package internal(set) var lastCapturedID: UInt64?
    /// What was recorded and is gone from the capture.
    package internal(set) var losses: [String] = []
    /// What of the capture could not be read.
    package internal(set) var damage: [String] = []
    /// Whether the recording is whole, in what was selected.
    package internal(set) var recording = RecordingVerdict()

    /// Of values in the unit of what was measured, to three digits; all 0 if nothing was.
    package struct Distribution: Sendable, Equatable {
        package internal(set) var count = 0
        package internal(set) var minimum: UInt64 = 0
        package internal(set) var median: UInt64 = 0
        package internal(set) var p90: UInt64 = 0
        package internal(set) var p99: UInt64 = 0
        package internal(set) var maximum: UInt64 = 0
    }

    /// True if everything that was selected was published, and once.
    package var isComplete: Bool {
        skipped == 0 && refused.isEmpty && damage.isEmpty && losses.isEmpty && uncertainCount == 0 && !wasStopped && failure == nil
    }

    /// True if something was published, and nobody was subscribed to it.
    package var reachedNobody: Bool { sent > 0 && receivers.count > 0 && receivers.maximum == 0 }

    /// Envelopes that were published, by earlier runs too.
    package var confirmed: Int { resumedAfter + sent }

    mutating func addUncertain(_ ids: [UInt64?]) {
        uncertainCount += ids.count
        uncertain += ids.prefix(max(0, Self.listedUncertain - uncertain.count))
    }

    /// How much longer than rated it took, as a share: 0.001 is 0.1 %. nil at maximum speed and for a moment's replay.
    package var drift: Double? {
        guard let ratedNanoseconds, ratedNanoseconds > 0 else { return nil }
        return (Double(actualNanoseconds) - Double(ratedNanoseconds)) / Double(ratedNanoseconds)
    }
}
