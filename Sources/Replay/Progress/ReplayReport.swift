package import Backplane
package import Capture

/// The result of a replay.
package struct ReplayReport: Sendable {
    private static let listedUncertain = 65_536

    /// Envelopes that the target confirmed in this run.
    package internal(set) var sent = 0
    /// Payload bytes of the envelopes handed to the connection in this run, without ids.
    package internal(set) var bytes = 0
    /// Envelopes without an id: not published by a node's script, so they cannot be published again.
    package internal(set) var skipped = 0
    /// Envelopes of ASP.NET Core left out because they are meaningless at another Redis, by kind.
    package internal(set) var leftOut: [CoreLeftOut: Int] = [:]
    /// Envelopes of ASP.NET Core that could not get the requested frames, by reason.
    package internal(set) var refused: [String: Int] = [:]
    /// Id that the target assigned to the first envelope; nil for envelopes without ids.
    package internal(set) var firstID: Int64?
    /// Id that it assigned to the last confirmed envelope; nil for envelopes without ids.
    package internal(set) var lastID: Int64?
    /// Receivers per publish, as counted by the target.
    package internal(set) var receivers = Distribution()
    /// Time span of the capture divided by the speed, in nanoseconds; nil at maximum speed.
    package internal(set) var ratedNanoseconds: UInt64?
    /// Time from the first deadline to the last write, without pauses.
    package internal(set) var actualNanoseconds: UInt64 = 0
    /// Delay between deadline and write to the socket, in nanoseconds; empty at maximum speed.
    package internal(set) var lateness = Distribution()
    /// Captured ids of sent but unanswered envelopes: they may have been published twice, or not at all if the replay
    /// stopped there. The first 65,536; nil for an envelope without an id.
    package private(set) var uncertain: [UInt64?] = []
    /// Number of all of them.
    package private(set) var uncertainCount = 0
    /// Envelopes published by an earlier run of this replay.
    package internal(set) var resumedAfter = 0
    /// Error replies and lost connections.
    package internal(set) var errors = 0
    /// It was stopped before the end.
    package internal(set) var wasStopped = false
    /// Why it ended early, as a sentence.
    package internal(set) var failure: String?
    /// Published after a refused envelope, because they were in flight.
    package internal(set) var publishedBehind = 0
    /// Captured id of the last envelope that was published.
    package internal(set) var lastCapturedID: UInt64?
    /// Recorded envelopes that are gone from the capture.
    package internal(set) var losses: [String] = []
    /// What could not be read of the capture.
    package internal(set) var damage: [String] = []
    /// Whether the recording is complete within the selection.
    package internal(set) var recording = RecordingVerdict()

    /// Statistics of measured values, to three digits; all 0 without measurements.
    package struct Distribution: Sendable, Equatable {
        /// Number of measurements.
        package internal(set) var count = 0
        /// The smallest.
        package internal(set) var minimum: UInt64 = 0
        /// The 50th percentile.
        package internal(set) var median: UInt64 = 0
        /// The 90th percentile.
        package internal(set) var p90: UInt64 = 0
        /// The 99th percentile.
        package internal(set) var p99: UInt64 = 0
        /// The largest.
        package internal(set) var maximum: UInt64 = 0
    }

    /// True if every selected envelope was published exactly once.
    package var isComplete: Bool {
        skipped == 0 && refused.isEmpty && damage.isEmpty && losses.isEmpty && uncertainCount == 0 && !wasStopped
            && failure == nil
    }

    /// True if something was published, but had no receivers.
    package var reachedNobody: Bool { sent > 0 && receivers.count > 0 && receivers.maximum == 0 }

    /// Published envelopes, including earlier runs.
    package var confirmed: Int { resumedAfter + sent }

    mutating func addUncertain(_ ids: [UInt64?]) {
        uncertainCount += ids.count
        uncertain += ids.prefix(max(0, Self.listedUncertain - uncertain.count))
    }

    /// How much longer than rated it took, as a share: 0.001 is 0.1 %. nil at maximum speed and for a very short
    /// replay.
    package var drift: Double? {
        guard let ratedNanoseconds, ratedNanoseconds > 0 else { return nil }
        return (Double(actualNanoseconds) - Double(ratedNanoseconds)) / Double(ratedNanoseconds)
    }
}
