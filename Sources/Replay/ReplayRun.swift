import CLinux
import Capture
import Histogram
import NIOCore
import Redis
import SignalRBackplane

/// A replay on its thread: reads the capture, waits for each envelope's time, gives it its id and hands it over.
///
/// ``attempt(through:script:)`` begins where the connection before it ended. One thread at a time: each attempt is
/// awaited before the next one, and the results are read in between.
final class ReplayRun: @unchecked Sendable {
    // @unchecked: see above; nothing is used by two threads at once.

    /// Commands are sent on when this many bytes are due together.
    private static let batchBytes = 64 * 1024
    /// Time between the start and the first deadline, in nanoseconds.
    private static let headStart: UInt64 = 1_000_000
    /// Nobody waits longer for a key that was pressed, or for Ctrl-C; nanoseconds.
    private static let longestSleep: UInt64 = 20_000_000
    private static let checkpointInterval: UInt64 = 100_000_000

    private let capture: CaptureReader
    private let options: ReplayOptions
    /// The event keys that it publishes on.
    let targetChannels: [String]
    private let control: ReplayControl
    private let rewriter: EnvelopeRewriter
    private let window = PublishWindow()
    private var lateness = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
    private(set) var report = ReplayReport()
    private(set) var checkpoint: ReplayCheckpoint
    private(set) var sentIDs: SentIDs

    // Of one attempt.
    private var client: RedisClient?
    private var schedule: ReplaySchedule
    private var factor = 1.0
    private var rebases: [String: IDRebase] = [:]
    private var batch = CommandBatch(sha1: "")
    private var deadlines: [UInt64] = []
    private var ordinal = 0
    private var skip = 0
    private var skipped = 0
    private var start: UInt64?
    private var firstOffset: UInt64 = 0
    private var lastOffset: UInt64 = 0
    private var handedOverAt: UInt64 = 0
    private var savedAt: UInt64 = 0
    /// Ordinals up to here may have been published by a run that did not live to know it.
    private var doubtedUpTo = 0

    /// - Parameter checkpoint: where the replay stands; kept up to date, and in its file if there is one.
    init(
        capture: CaptureReader, options: ReplayOptions, targetChannels: [String], checkpoint: ReplayCheckpoint,
        control: ReplayControl
    ) {
        self.targetChannels = targetChannels
        self.capture = capture
        self.options = options
        self.control = control
        self.checkpoint = checkpoint
        rewriter = EnvelopeRewriter(hubs: options.hubMap, restamps: options.restamps)
        schedule = ReplaySchedule(speed: options.speed)
        sentIDs = SentIDs(published: checkpoint.confirmed, last: checkpoint.lastCapturedID)
        report.resumedAfter = checkpoint.confirmed
    }

    /// The key at the target that counts what was published.
    var progressKey: String { "backplane-relay:replay:\(checkpoint.token)" }

    /// What the target says of an earlier connection, before the next attempt.
    ///
    /// - Parameter published: envelopes that were published; nil if the target does not know.
    func resolve(published: Int?) {
        if let published, published >= sentIDs.confirmed {
            sentIDs.confirm(upTo: published)
            // Of a run before this one it is not known what was sent.
            if published > sentIDs.confirmed { sentIDs = SentIDs(published: published) }
        } else if sentIDs.sent > sentIDs.confirmed {
            report.uncertain += sentIDs.unconfirmed
        } else if sentIDs.confirmed == report.resumedAfter, options.checkpoint != nil, report.resumedAfter > 0 {
            doubtedUpTo = sentIDs.confirmed + PublishWindow.limit
        }
        sentIDs = SentIDs(published: sentIDs.confirmed, last: sentIDs.lastConfirmed)
    }

    // MARK: - An attempt

    /// How a connection's part of the replay ended.
    enum Ending {
        case finished
        case stopped
        case failed(PublishWindow.Outcome)
    }

    /// Publishes what has not been published, until all is, or the target fails, or somebody stops it.
    func attempt(through client: RedisClient, script: RedisScript) throws -> Ending {
        clinux_precise_timers()
        begin(client, script)
        // Before the first envelope: whoever kills it now finds its token at the next start.
        try save()
        var isStopped = false
        do {
            try readRounds()
            try send()
        } catch let end as End {
            isStopped = end == .stopped
            if end != .failed { try? send() }
        }
        let outcome = window.drain()
        finishFigures(outcome)
        try save(isFinished: !isStopped && outcome.failure == nil)
        if outcome.failure != nil { return .failed(outcome) }
        report.wasStopped = isStopped
        return isStopped ? .stopped : .finished
    }

    /// Ends the reading.
    private enum End: Error { case limit, stopped, failed }

    private func begin(_ client: RedisClient, _ script: RedisScript) {
        self.client = client
        batch = CommandBatch(
            sha1: script.sha1, progressKey: options.isTracked ? progressKey : nil, isNumbered: options.ids != .reissue)
        schedule = ReplaySchedule(speed: options.speed, longestPause: options.longestPause)
        factor = 1
        rebases = [:]
        deadlines = []
        ordinal = 0
        skip = sentIDs.confirmed
        start = nil
        window.begin(published: skip)
    }

    private func readRounds() throws {
        var round = 0
        while options.rounds.map({ round < $0 }) ?? true {
            let before = ordinal
            skipped = 0
            if round > 0 { schedule.beginRound() }
            let read = try capture.forEach(options.selection) { item in
                if case .envelope(let envelope) = item { try publish(envelope) }
            }
            report.skipped = skipped
            report.damage = read.damage.map(\.description)
            report.losses = read.lossDescriptions
            guard ordinal > before else { return }
            round += 1
        }
    }

    private func publish(_ envelope: CapturedEnvelope) throws {
        let id = try? EnvelopeID.parse(envelope.payload).id
        guard let blob = Reissue.blob(of: envelope.payload), id != nil || options.ids != .preserve else {
            return skipped += 1
        }
        if let limit = options.limit, ordinal >= limit { throw End.limit }
        ordinal += 1
        let offset = schedule.due(receivedAt: envelope.receivedAt)
        let channel = options.target(of: envelope.channel)
        let newID = number(id, channel)
        guard ordinal > skip else { return }
        try wait(until: offset)
        append(envelope, blob, id: id, newID: newID, channel: channel)
        if ordinal <= doubtedUpTo { report.uncertain.append(id) }
        if batch.bytes.readableBytes >= Self.batchBytes || batch.count >= PublishWindow.limit / 2 { try send() }
    }

    private func number(_ captured: UInt64?, _ channel: String) -> UInt64? {
        switch options.ids {
        case .reissue: return nil
        case .preserve: return captured
        case .rebase:
            var rebase = rebases[channel] ?? IDRebase(counter: checkpoint.counters[channel] ?? 0)
            defer { rebases[channel] = rebase }
            return rebase.id(for: captured)
        }
    }

    private func append(
        _ envelope: CapturedEnvelope, _ blob: UnsafeRawBufferPointer, id: UInt64?, newID: UInt64?, channel: String
    ) {
        if newID == nil, rewriter.changesNothing {
            batch.append(channel: channel, blob: blob, ordinal: ordinal)
        } else if newID == id, rewriter.changesNothing {
            batch.append(channel: channel, blob: envelope.payload, id: newID, ordinal: ordinal)
        } else {
            var payload = newID.map { Array("\($0) ".utf8) } ?? []
            payload += rewriter.rewritten(blob, now: Moment.now().realtime)
            payload.withUnsafeBytes { batch.append(channel: channel, blob: $0, id: newID, ordinal: ordinal) }
        }
        sentIDs.append(id)
        report.bytes += blob.count
    }

    // MARK: - Time

    /// - Parameter offset: since the start, in nanoseconds; nil for at once.
    private func wait(until offset: UInt64?) throws {
        guard let offset else {
            if control.isPaused || control.isStopped { _ = try rest() }
            if start == nil { start = Moment.now().monotonic }
            return
        }
        if start == nil { begin(at: offset) }
        adoptSpeed(offset)
        while true {
            if control.isStopped { throw End.stopped }
            if control.isPaused, try rest() {
                // Asked for by itself: due now, and what follows counts from now.
                start = Moment.now().monotonic &- offset
                break
            }
            let now = Moment.now().monotonic
            let deadline = deadline(offset)
            if deadline <= now { break }
            try send()
            PreciseSleep.until(min(deadline, now + Self.longestSleep))
        }
        lastOffset = offset
        deadlines.append(deadline(offset))
    }

    private func deadline(_ offset: UInt64) -> UInt64 { (start ?? 0) &+ offset }

    /// The first envelope of this attempt is due soon, or when it was asked for; the others follow it.
    private func begin(at offset: UInt64) {
        let now = Moment.now()
        var lead = Self.headStart
        if skip == 0, let startAt = options.startAt, startAt > now.realtime { lead = startAt - now.realtime }
        start = now.monotonic &+ lead &- offset
        firstOffset = offset
    }

    /// Somebody changed the speed: counts for what comes behind this envelope.
    private func adoptSpeed(_ offset: UInt64) {
        let wanted = control.factor
        guard wanted != factor else { return }
        factor = wanted
        switch options.speed {
        case .times(let speed): schedule.change(to: .times(speed * wanted))
        case .rate(let rate): schedule.change(to: .rate(rate * wanted))
        case .maximum: break
        }
    }

    /// While somebody has paused it; all deadlines move by as much.
    ///
    /// - Returns: true if it goes on with one envelope only.
    private func rest() throws -> Bool {
        try send()
        let before = Moment.now().monotonic
        var isStep = false
        while control.isPaused, !isStep {
            if control.isStopped { throw End.stopped }
            isStep = control.takeStep()
            if !isStep { PreciseSleep.until(Moment.now().monotonic + Self.longestSleep) }
        }
        if control.isStopped { throw End.stopped }
        if let start { self.start = start &+ (Moment.now().monotonic - before) }
        return isStep
    }

    // MARK: - Sending

    private func send() throws {
        guard batch.count > 0, let client else { return }
        try keepCheckpointNear()
        guard window.admit(batch.count) else { throw End.failed }
        client.pipeline(batch.bytes, count: batch.count) { [window] in window.answered($0) }
        handedOverAt = Moment.now().monotonic
        for deadline in deadlines { lateness.record(handedOverAt > deadline ? handedOverAt - deadline : 0) }
        control.sent(ordinal, lateness: deadlines.last.map { handedOverAt > $0 ? handedOverAt - $0 : 0 } ?? 0)
        deadlines.removeAll(keepingCapacity: true)
        batch.clear()
        if control.isStopped { throw End.stopped }
        if options.checkpoint != nil, handedOverAt > savedAt + Self.checkpointInterval { try save() }
        sentIDs.confirm(upTo: window.progress.confirmed)
    }

    /// Never is more sent than one pipeline beyond what the file says.
    private func keepCheckpointNear() throws {
        guard options.checkpoint != nil else { return }
        while ordinal - checkpoint.confirmed > PublishWindow.limit {
            let before = checkpoint.confirmed
            window.settle(unanswered: PublishWindow.limit / 4)
            try save()
            // It failed: admit() says so.
            if checkpoint.confirmed == before { return }
        }
    }

    private func save(isFinished: Bool = false) throws {
        let progress = window.progress
        sentIDs.confirm(upTo: progress.confirmed)
        checkpoint.confirmed = sentIDs.confirmed
        checkpoint.lastCapturedID = sentIDs.lastConfirmed
        checkpoint.lastID = progress.lastID ?? checkpoint.lastID
        checkpoint.isFinished = isFinished
        savedAt = Moment.now().monotonic
        if let path = options.checkpoint { try checkpoint.write(path) }
    }

    // MARK: - Figures

    private func finishFigures(_ outcome: PublishWindow.Outcome) {
        report.sent = outcome.confirmed - report.resumedAfter
        report.firstID = outcome.firstID
        report.lastID = outcome.lastID
        report.receivers = outcome.receivers
        if outcome.failure != nil { report.errors += 1 }
        sentIDs.confirm(upTo: outcome.confirmed)
        report.lastCapturedID = sentIDs.lastConfirmed
        guard let start, ordinal > skip else { return }
        if case .maximum = options.speed {
            report.actualNanoseconds += Moment.now().monotonic - start
        } else if handedOverAt > 0 {
            // Up to the last hand-over, and without pauses: they moved the start.
            report.ratedNanoseconds = (report.ratedNanoseconds ?? 0) + (lastOffset - firstOffset)
            let first = deadline(firstOffset)
            report.actualNanoseconds += handedOverAt > first ? handedOverAt - first : 0
            if lateness.totalCount > 0 { report.lateness = ReplayReport.Distribution(lateness) }
        }
    }
}
