import CLinux
import Capture
import Redis
import Backplane
import Time

/// A replay on its thread: reads the capture, waits for each envelope's time, gives it its id and hands it over.
///
/// ``attempt(through:script:)`` begins where the connection before it ended. One thread at a time: each attempt is
/// awaited before the next one, and the results are read in between.
final class ReplayRun: @unchecked Sendable {
    // @unchecked: see above; nothing is used by two threads at once.

    private let capture: CaptureReader
    private let options: ReplayOptions
    /// The event keys that it publishes on.
    let targetChannels: [String]
    private let control: ReplayControl
    private let rewriter: EnvelopeRewriter
    private(set) var report = ReplayReport()
    let account: ReplayAccount
    private let window = PublishWindow()

    // Of one attempt.
    private var attempts = 0
    private var pacer: ReplayPacer
    private var rebases: OrdinalNameMap<IDRebase> = [:]
    private var ordinal = 0
    private var skipped = 0
    /// Ordinals up to here were published before, those up to there perhaps.
    private var published = 0
    private var doubtedUpTo = 0

    init(
        capture: CaptureReader, options: ReplayOptions, targetChannels: [String], account: ReplayAccount,
        control: ReplayControl
    ) {
        self.targetChannels = targetChannels
        self.capture = capture
        self.options = options
        self.control = control
        self.account = account
        rewriter = EnvelopeRewriter(
            hubs: Dictionary(options.hubMap.map { (CaselessName($0.key), $0.value) }) { first, _ in first },
            restamps: options.restamps)
        pacer = ReplayPacer(speed: options.speed, longestPause: nil, startAt: nil, control: control)
    }

    /// What the target says of an earlier connection, before the next attempt.
    ///
    /// - Parameter known: envelopes that were published; nil if the target does not know.
    func resume(known: Int?, at target: ServerIdentity) {
        let isFirst = attempts == 0
        let (resumption, unanswered) = account.resume(known: known, at: target)
        if isFirst {
            report.resumedAfter = resumption.published
            // Of a run before this one the ids of what was sent are not known: they are named when they come again.
            doubtedUpTo = resumption.published + resumption.doubted
        } else if resumption.doubted > 0 {
            report.addUncertain(unanswered)
        }
        published = resumption.published
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
        pacer = ReplayPacer(
            speed: options.speed, longestPause: options.longestPause, startAt: attempts == 0 ? options.startAt : nil,
            control: control)
        attempts += 1
        rebases = [:]
        ordinal = 0
        let batch = CommandBatch(
            sha1: script.sha1, progressKey: options.isTracked ? account.progressKey : nil,
            isNumbered: options.ids != .reissue)
        let sender = ReplaySender(batch: batch, client: client, window: window, account: account, control: control)
        try sender.begin(published: published)
        var isStopped = false
        do {
            try readRounds(sender)
            try sender.send(offset: pacer.lastOffset)
        } catch is ReplayPacer.Stopped {
            isStopped = true
            try? sender.send(offset: pacer.lastOffset)
        } catch is ReplaySender.TargetFailed {
            // The outcome tells why.
        }
        let outcome = try sender.finish(isWhole: !isStopped)
        finishFigures(outcome)
        if outcome.failure != nil { return .failed(outcome) }
        report.wasStopped = isStopped
        return isStopped ? .stopped : .finished
    }

    /// It will not be tried again.
    func fail(_ cause: String) {
        report.failure = cause
        if !account.sentIDs.unconfirmed.isEmpty, !options.isTracked { report.addUncertain(account.sentIDs.unconfirmed) }
    }

    private func readRounds(_ sender: ReplaySender) throws {
        var round = 0
        while options.rounds.map({ round < $0 }) ?? true {
            let before = ordinal
            skipped = 0
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
            report.damage = read.damage.map(\.description)
            report.losses = read.lossDescriptions
            report.recording = read.verdict
            if let end { throw end }
            guard ordinal > before, !isAtLimit else { return }
            round += 1
        }
    }

    /// - Returns: false if it is one more than wanted.
    private func publish(_ envelope: CapturedEnvelope, _ sender: ReplaySender) throws -> Bool {
        let id = try? EnvelopeID.parse(envelope.payload).id
        guard let blob = Reissue.blob(of: envelope.payload), id != nil || options.ids != .preserve else {
            skipped += 1
            return true
        }
        if let limit = options.limit, ordinal >= limit { return false }
        ordinal += 1
        let offset = pacer.due(receivedAt: envelope.receivedAt)
        let channel = options.target(of: envelope.channel)
        let newID = number(id, channel)
        guard ordinal > published else {
            if ordinal == published { account.passed(id) }
            return true
        }
        let deadline = try pacer.wait(until: offset) { try sender.send(offset: $0) }
        append(envelope, blob, id: id, newID: newID, channel: channel, to: sender)
        if ordinal <= doubtedUpTo { report.addUncertain([id]) }
        try sender.appended(id: id, deadline: deadline, offset: offset ?? 0)
        return true
    }

    private func number(_ captured: UInt64?, _ channel: String) -> UInt64? {
        switch options.ids {
        case .reissue: return nil
        case .preserve: return captured
        case .rebase:
            var rebase = rebases[channel] ?? IDRebase(counter: account.counters[channel] ?? 0)
            defer { rebases[channel] = rebase }
            return rebase.id(for: captured)
        }
    }

    private func append(
        _ envelope: CapturedEnvelope, _ blob: UnsafeRawBufferPointer, id: UInt64?, newID: UInt64?, channel: String,
        to sender: ReplaySender
    ) {
        if newID == nil, rewriter.changesNothing {
            sender.batch.append(channel: channel, blob: blob, ordinal: ordinal)
        } else if newID == id, rewriter.changesNothing {
            sender.batch.append(channel: channel, blob: envelope.payload, id: newID, ordinal: ordinal)
        } else {
            var payload = newID.map { Array("\($0) ".utf8) } ?? []
            payload += rewriter.rewritten(blob, now: Moment.now().realtime)
            payload.withUnsafeBytes { sender.batch.append(channel: channel, blob: $0, id: newID, ordinal: ordinal) }
        }
        report.bytes += blob.count
    }

    // MARK: - Figures

    private func finishFigures(_ outcome: PublishWindow.Outcome) {
        report.sent = account.sentIDs.confirmed - report.resumedAfter
        report.firstID = report.firstID ?? outcome.firstID
        report.lastID = outcome.lastID ?? report.lastID
        report.lastCapturedID = account.sentIDs.lastConfirmed
        report.publishedBehind = outcome.confirmedBehindFailure
        if outcome.failure != nil { report.errors += 1 }
        report.receivers = outcome.receivers
        report.lateness = outcome.lateness
        guard let (rated, actual) = pacer.figures(lastWrittenAt: outcome.lastWrittenAt) else { return }
        report.actualNanoseconds += actual
        if let rated { report.ratedNanoseconds = (report.ratedNanoseconds ?? 0) + rated }
    }
}
