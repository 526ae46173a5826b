import Backplane
import CLinux
import Capture
import Redis
import Time

/// A replay on its thread: read -> select -> schedule -> compose -> publish -> account.
///
/// ``attempt(through:script:)`` starts where the previous connection ended. Not thread-safe: each attempt is awaited
/// before the next one, and the results are read in between.
final class ReplayRun: @unchecked Sendable {
    // @unchecked: see above; never used by two threads at the same time.

    private let capture: CaptureReader
    private let options: ReplayOptions
    /// The event keys it publishes on.
    let targetChannels: [String]
    /// The hubs of ASP.NET Core it publishes for.
    let targetHubs: [CoreHub]
    private let control: ReplayControl
    private let clock: any ReplayClock
    private(set) var report = ReplayReport()
    let account: ReplayAccount
    private let window = PublishWindow()

    // State of one attempt.
    private var attempts = 0
    private var pacer: ReplayPacer
    private var composer: EnvelopeComposer
    private var ordinal = 0
    private var skipped = 0
    private var leftOut: [CoreLeftOut: Int] = [:]
    private var refused: [String: Int] = [:]
    private var coreComposer: CoreComposer

    init(
        capture: CaptureReader, options: ReplayOptions, targetChannels: [String], targetHubs: [CoreHub] = [],
        account: ReplayAccount, control: ReplayControl, clock: any ReplayClock = SystemReplayClock()
    ) {
        self.targetHubs = targetHubs
        self.targetChannels = targetChannels
        self.capture = capture
        self.options = options
        self.control = control
        self.clock = clock
        self.account = account
        composer = EnvelopeComposer(options, counters: account.counters)
        coreComposer = CoreComposer(options)
        pacer = ReplayPacer(speed: options.speed, longestPause: nil, startAt: nil, control: control, clock: clock)
    }

    /// The target's record of an earlier connection, before the next attempt.
    ///
    /// - Parameter known: number of published envelopes; nil if unknown.
    func resume(known: Int?, at target: ServerIdentity) {
        report.addUncertain(account.resume(known: known, at: target))
        if attempts == 0 { report.resumedAfter = account.progress.confirmed }
    }

    // MARK: - An attempt

    /// How one connection's part of the replay ended.
    enum Ending {
        case finished
        case stopped
        case failed(PublishWindow.Outcome)
    }

    /// Publishes the remaining envelopes, until all are published, the target fails, or it is stopped.
    ///
    /// - Parameters:
    ///   - script: publishes envelopes of SignalR 2.
    ///   - publish: publishes those of ASP.NET Core, if the target records the progress.
    /// - Throws: ``ReplayError`` if the checkpoint cannot be written; `CaptureError`.
    func attempt(
        through connection: any CommandPipeline, script: RedisScript, publish: RedisScript? = nil
    ) throws -> Ending {
        clinux_precise_timers()
        pacer = ReplayPacer(
            speed: options.speed, longestPause: options.longestPause, startAt: attempts == 0 ? options.startAt : nil,
            control: control, clock: clock)
        composer = EnvelopeComposer(options, counters: account.counters)
        attempts += 1
        ordinal = 0
        let batch = CommandBatch(
            sha1: script.sha1, publishSHA1: publish?.sha1,
            progressKey: options.isTracked ? account.progressKey : nil,
            isNumbered: options.ids != .reissue)
        let sender = ReplaySender(
            batch: batch, connection: connection, window: window, account: account, control: control, clock: clock)
        try sender.begin()
        var isStopped = false
        do {
            try readRounds(sender)
            try sender.send(offset: pacer.lastOffset)
        } catch is ReplayPacer.Stopped {
            isStopped = true
            try? sender.send(offset: pacer.lastOffset)
        } catch is ReplaySender.TargetFailed {
            // The outcome has the reason.
        }
        let outcome = try sender.finish(isWhole: !isStopped)
        finishFigures(outcome)
        if outcome.failure != nil { return .failed(outcome) }
        report.wasStopped = isStopped
        return isStopped ? .stopped : .finished
    }

    /// There will be no retry.
    func fail(_ cause: String) {
        report.failure = cause
        if !options.isTracked { report.addUncertain(account.giveUp()) }
    }

    private func readRounds(_ sender: ReplaySender) throws {
        var round = 0
        while options.rounds.map({ round < $0 }) ?? true {
            let before = ordinal
            skipped = 0
            leftOut.removeAll()
            refused.removeAll()
            var end: (any Error)?
            var isAtLimit = false
            if round > 0 { pacer.beginRound() }
            let read = try capture.forEach(options.selection) { item in
                guard case .envelope(let envelope) = item else { return }
                do {
                    if try publish(envelope, sender) { return }
                    isAtLimit = true
                } catch {
                    end = error
                }
                throw CaptureReadingEnd()
            }
            report.skipped = skipped
            report.leftOut = leftOut
            report.refused = refused
            report.damage = read.damage.map(\.description)
            report.losses = read.lossDescriptions
            report.recording = read.verdict
            if let end { throw end }
            guard ordinal > before, !isAtLimit else { return }
            round += 1
        }
    }

    /// - Returns: false beyond the limit.
    private func publish(_ envelope: CapturedEnvelope, _ sender: ReplaySender) throws -> Bool {
        guard envelope.form == .signalR2 else { return try publishCore(envelope, sender) }
        let id = try? EnvelopeID.parse(envelope.payload).id
        guard let blob = Reissue.blob(of: envelope.payload), id != nil || options.ids != .preserve else {
            skipped += 1
            return true
        }
        if let limit = options.limit, ordinal >= limit { return false }
        ordinal += 1
        let channel = options.target(of: envelope.channel)
        // Both count skipped envelopes too.
        let offset = pacer.due(receivedAt: envelope.receivedAt)
        let newID = composer.id(for: id, channel: channel)
        guard account.mustSend(ordinal: ordinal, id: id) else { return true }
        let deadline = try pacer.wait(until: offset) { try sender.send(offset: $0) }
        composer.append(
            envelope.payload, blob: blob, id: id, newID: newID, channel: channel, ordinal: ordinal,
            now: clock.now().realtime, to: &sender.batch)
        report.bytes += blob.count
        if account.send(id) { report.addUncertain([id]) }
        try sender.appended(deadline: deadline, offset: offset ?? 0)
        return true
    }

    /// - Returns: false beyond the limit.
    private func publishCore(_ envelope: CapturedEnvelope, _ sender: ReplaySender) throws -> Bool {
        let publication: CoreComposer.Publication
        switch coreComposer.outcome(of: envelope) {
        case .publish(let found): publication = found
        case .leftOut(let kind):
            leftOut[kind, default: 0] += 1
            return true
        case .refused(let reason):
            refused[reason, default: 0] += 1
            return true
        case .undecodable:
            skipped += 1
            return true
        }
        if let limit = options.limit, ordinal >= limit { return false }
        ordinal += 1
        let offset = pacer.due(receivedAt: envelope.receivedAt)
        guard account.mustSend(ordinal: ordinal, id: nil) else { return true }
        let deadline = try pacer.wait(until: offset) { try sender.send(offset: $0) }
        publication.withBytes { sender.batch.append(publishing: $1, on: $0, ordinal: ordinal) }
        report.bytes += publication.byteCount
        if account.send(nil) { report.addUncertain([nil]) }
        try sender.appended(deadline: deadline, offset: offset ?? 0)
        return true
    }

    // MARK: - Figures

    private func finishFigures(_ outcome: PublishWindow.Outcome) {
        report.sent = account.progress.confirmed - report.resumedAfter
        report.firstID = report.firstID ?? outcome.firstID
        report.lastID = outcome.lastID ?? report.lastID
        report.lastCapturedID = account.progress.lastCapturedID
        report.publishedBehind = outcome.confirmedBehindFailure
        if outcome.failure != nil { report.errors += 1 }
        report.receivers = outcome.receivers
        report.lateness = outcome.lateness
        guard let (rated, actual) = pacer.figures(lastWrittenAt: outcome.lastWrittenAt) else { return }
        report.actualNanoseconds += actual
        if let rated { report.ratedNanoseconds = (report.ratedNanoseconds ?? 0) + rated }
    }
}
