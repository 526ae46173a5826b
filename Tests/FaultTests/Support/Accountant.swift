import TestSupport

/// Compares a capture with the publications, envelope by envelope. No I/O.
///
/// The recorded envelopes divide the ground truth and the capture into spans: whatever was published between two of
/// them and not recorded must be reported by an event in the same span.
struct Accountant {
    /// Events that report that the relay was not subscribed, or that ids started over.
    private static let delimiters: Set = ["counter_reset", "disconnected", "subscribed"]
    /// Events that report missing envelopes.
    private static let reports: Set = ["gap", "dropped", "lost", "segment_moved"]

    private var publications: [Publication]
    /// Per publication: the number of counter resets before it.
    private var epochs: [Int] = []
    private var isRecorded: [Bool]
    /// Recorded ids per epoch.
    private var recordedIDs: [Int: Set<UInt64>] = [:]
    private(set) var account = Account()

    /// - Parameters:
    ///   - publications: in the order of their execution by Redis.
    ///   - timeline: the capture.
    static func account(for publications: [Publication], in timeline: [TimelineItem]) -> Account {
        var accountant = Accountant(publications)
        var spans = accountant.match(timeline)
        accountant.assignEpochs()
        for index in spans.indices { accountant.open(&spans[index]) }
        for index in spans.indices { accountant.takeReports(at: index, &spans) }
        for span in spans { accountant.settle(span) }
        return accountant.account
    }

    private init(_ publications: [Publication]) {
        self.publications = publications
        isRecorded = Array(repeating: false, count: publications.count)
    }

    // MARK: - Matching

    /// The span between two recorded envelopes.
    private struct Span {
        /// Indexes of the recorded publications at both ends; nil at the start and the end of the capture.
        var before: Int?
        var after: Int?
        var events: [RelayEvent] = []
        /// Number of counter resets so far.
        var epochs = 0...0
        /// Publications in this span that are not accounted for yet.
        var open: [Int] = []
        /// Number of those that may not have been published.
        var undecided = 0
        var reports: [Report] = []
        /// Ids reported missing that may never have been published.
        var excess = 0
    }

    /// The loss reported by one event.
    private struct Report {
        let epoch: Int
        let ids: ClosedRange<UInt64>
        let cause: String
    }

    /// Finds each recorded envelope among the publications.
    private mutating func match(_ timeline: [TimelineItem]) -> [Span] {
        var byBlob: [[UInt8]: Int] = [:]
        for (index, publication) in publications.enumerated() where publication.kind != .burnt {
            byBlob[publication.blob] = index
        }
        var spans: [Span] = []
        var span = Span()
        for item in timeline {
            switch item {
            case .event(let event):
                span.events.append(event)
            case .envelope(let payload):
                guard let index = byBlob[payload] ?? byBlob[Array(payload.drop { $0 != 0x20 }.dropFirst())] else {
                    account.note("recorded but never published: \(Self.text(payload))")
                    continue
                }
                guard recognize(payload, as: index, after: span.before) else { continue }
                span.after = index
                spans.append(span)
                span = Span(before: index)
            }
        }
        return spans + [span]
    }

    /// - Returns: false if it was already recorded.
    private mutating func recognize(_ payload: [UInt8], as index: Int, after previous: Int?) -> Bool {
        guard !isRecorded[index] else {
            account.note("recorded twice: \(Self.text(payload))")
            return false
        }
        isRecorded[index] = true
        account.recorded += 1
        switch publications[index].outcome {
        case .done:
            if publications[index].payload != payload { account.note("other bytes: \(Self.text(payload))") }
        case .unknown:
            publications[index].outcome = .done
            publications[index].payload = payload
            publications[index].id = PayloadID.of(payload)
        case .refused:
            account.note("recorded although Redis refused it: \(Self.text(payload))")
        }
        if let previous, previous > index { account.note("recorded out of order: \(Self.text(payload))") }
        return true
    }

    /// The counter was set back if an id is not above the previous one.
    private mutating func assignEpochs() {
        var epoch = 0
        var last: UInt64 = 0
        for (index, publication) in publications.enumerated() {
            if publication.outcome == .done, let id = publication.id {
                if id <= last { epoch += 1 }
                last = id
                if isRecorded[index] { recordedIDs[epoch, default: []].insert(id) }
            }
            epochs.append(epoch)
        }
    }

    // MARK: - Accounting

    /// Collects publications between two recorded envelopes that were not recorded.
    private mutating func open(_ span: inout Span) {
        let start = (span.before ?? -1) + 1
        let indexes = start..<max(start, span.after ?? publications.count)
        let (earlier, later) = (epoch(of: span.before ?? indexes.first), epoch(of: span.after ?? indexes.last))
        span.epochs = min(earlier, later)...max(earlier, later)
        for index in indexes {
            switch (publications[index].outcome, publications[index].kind) {
            case (.refused, _): break
            case (.unknown, .burnt), (.unknown, .envelope): span.undecided += 1
            case (.unknown, .raw): account.undecided += 1
            case (.done, _): span.open.append(index)
            }
        }
        account.undecided += span.undecided
        account.burnt += span.open.count { publications[$0].kind == .burnt }
        account.published += (span.after == nil ? 0 : 1) + indexes.count { isPublished($0) }
    }

    /// Lets each event account for what it reports: in its own span, or in an earlier one if it reports a file that was
    /// lost later.
    private mutating func takeReports(at index: Int, _ spans: inout [Span]) {
        for event in spans[index].events where Self.reports.contains(event.event) {
            guard let from = event.from, let to = event.to else { continue }
            let fitting = (0...index).reversed().first { fits(from...to, spans[$0]) }
            cover(from...to, as: event, &spans[fitting ?? index])
        }
    }

    private func fits(_ ids: ClosedRange<UInt64>, _ span: Span) -> Bool {
        possibleEpochs(of: ids, span).contains { epoch in
            span.open.contains { epochs[$0] == epoch && publications[$0].id.map(ids.contains) == true }
        }
    }

    /// The reported ids of the span that were not recorded.
    private func possibleEpochs(of ids: ClosedRange<UInt64>, _ span: Span) -> [Int] {
        span.epochs.filter { epoch in !(recordedIDs[epoch]?.contains { ids.contains($0) } ?? false) }
    }

    /// Removes the ids that an event reports from those still open.
    private mutating func cover(_ ids: ClosedRange<UInt64>, as event: RelayEvent, _ span: inout Span) {
        // Ids repeat after a reset: the event belongs to the epoch that it fits best.
        let covered = possibleEpochs(of: ids, span).map { epoch in
            (epoch, span.open.filter { epochs[$0] == epoch && publications[$0].id.map(ids.contains) == true })
        }
        // If several fit equally: a gap precedes the next envelope, dropped envelopes are reported in order.
        let isGap = event.event == "gap"
        let best = covered.max { ($0.1.count, isGap ? $0.0 : -$0.0) < ($1.1.count, isGap ? $1.0 : -$1.0) }
        guard let (epoch, indexes) = best else {
            account.note("reported missing, but recorded: \(event)")
            return
        }
        let taken = Set(indexes)
        span.open.removeAll { taken.contains($0) }
        let report = Report(epoch: epoch, ids: ids, cause: event.cause ?? event.reason ?? "no cause")
        let twice = span.reports.filter { $0.epoch == epoch && $0.ids.overlaps(ids) }.reduce(0) { sum, earlier in
            // A new start knows the last recorded id, not what was dropped after it: the earlier report is more
            // precise.
            if report.cause != "not_recording" {
                account.note("reported twice: \(earlier.ids) as \(earlier.cause), \(ids) as \(report.cause)")
            }
            return sum + Self.count(earlier.ids.clamped(to: ids))
        }
        span.reports.append(report)
        account.reportedMissing += Self.count(ids) - twice
        account.missing[report.cause, default: 0] += indexes.count { publications[$0].kind != .burnt }
        span.excess += max(0, Self.count(ids) - indexes.count - twice)
    }

    private mutating func settle(_ span: Span) {
        if span.excess > span.undecided {
            let reports = span.events.filter { Self.reports.contains($0.event) }
            account.note("\(span.excess - span.undecided) ids reported missing, but never published: \(reports)")
        }
        settleRest(span.open, of: span)
    }

    private static func count(_ ids: ClosedRange<UInt64>) -> Int {
        Int(clamping: ids.upperBound - ids.lowerBound) + 1
    }

    /// Publications that no event reports must be unknowable for a subscriber.
    private mutating func settleRest(_ open: [Int], of span: Span) {
        let isDelimited = span.events.contains { Self.delimiters.contains($0.event) }
        let isReset = span.before == nil || span.after == nil || epoch(of: span.before) != epoch(of: span.after)
        let lostWithoutID = span.events.reduce(0) { sum, event in
            event.event == "dropped" || event.event == "lost" ? sum + (event.envelopes ?? 0) : sum
        }
        for index in open where publications[index].kind != .burnt {
            let publication = publications[index]
            if isDelimited, isReset || publication.id == nil {
                account.beyondKnowledge += 1
            } else if publication.id == nil, lostWithoutID > 0 {
                account.missing["without id", default: 0] += 1
            } else {
                account.unaccounted += 1
                account.note("neither recorded nor reported: \(publication.id.map { "id \($0)" } ?? "without id")")
            }
        }
    }

    private func isPublished(_ index: Int) -> Bool {
        publications[index].outcome == .done && publications[index].kind != .burnt
    }

    private func epoch(of index: Int?) -> Int {
        guard let index, epochs.indices.contains(index) else { return epochs.last ?? 0 }
        return epochs[index]
    }

    private static func text(_ payload: [UInt8]) -> String {
        String(decoding: payload.prefix(60), as: UTF8.self).debugDescription
    }
}

/// The decimal number before the first space, parsed independently of the product's code.
enum PayloadID {
    static func of(_ payload: some Collection<UInt8>) -> UInt64? {
        let digits = payload.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard !digits.isEmpty, digits.endIndex < payload.endIndex, payload[digits.endIndex] == UInt8(ascii: " ") else {
            return nil
        }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }
}
