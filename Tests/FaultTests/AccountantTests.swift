import TestSupport
import Testing

/// The accountant detects every kind of wrong capture; otherwise no fault test could fail.
@Suite("Accountant")
struct AccountantTests {
    private static func published(_ ids: ClosedRange<UInt64>, epoch: Int = 0) -> [Publication] {
        ids.map { id in
            var publication = Publication(kind: .envelope, blob: Array("blob \(epoch) \(id)".utf8))
            publication.outcome = .done
            publication.id = id
            publication.payload = Array("\(id) blob \(epoch) \(id)".utf8)
            return publication
        }
    }

    private static func recorded(_ ids: ClosedRange<UInt64>, epoch: Int = 0) -> [TimelineItem] {
        published(ids, epoch: epoch).map { .envelope($0.payload ?? []) }
    }

    private static func gap(_ from: UInt64, _ to: UInt64, _ cause: String = "connection_lost") -> TimelineItem {
        .event(RelayEvent(event: "gap", channel: "chat", from: from, to: to, cause: cause))
    }

    private static let reset = TimelineItem.event(RelayEvent(event: "counter_reset", channel: "chat", from: 10, to: 3))

    @Test func allRecorded() {
        let account = Accountant.account(for: Self.published(1...10), in: Self.recorded(1...10))
        #expect(account.isBalanced)
        #expect(account.published == 10)
        #expect(account.recorded == 10)
    }

    @Test func aReportedGap() {
        let account = Accountant.account(
            for: Self.published(1...10), in: Self.recorded(1...3) + [Self.gap(4, 6)] + Self.recorded(7...10))
        #expect(account.isBalanced)
        #expect(account.missing == ["connection_lost": 3])
    }

    @Test("missed ids of an old and of a new counter")
    func beyondKnowledge() {
        let account = Accountant.account(
            for: Self.published(1...12) + Self.published(1...5, epoch: 1),
            in: Self.recorded(1...10) + [Self.reset] + Self.recorded(3...5, epoch: 1))
        #expect(account.isBalanced)
        #expect(account.beyondKnowledge == 4)
    }

    @Test("a file lost later is reported after its successor")
    func lostLater() {
        let lost = TimelineItem.event(
            RelayEvent(event: "lost", channel: "chat", from: 3, to: 5, cause: "segment_removed"))
        let account = Accountant.account(
            for: Self.published(1...9), in: Self.recorded(1...2) + Self.recorded(6...8) + [lost] + Self.recorded(9...9))
        #expect(account.isBalanced)
        #expect(account.missing == ["segment_removed": 3])
    }

    @Test("an uncertain publication may be in a gap or in the capture")
    func unknownOutcome() {
        var publications = Self.published(1...6)
        publications[2].outcome = .unknown
        publications[2].id = nil
        publications[2].payload = nil
        let inHole = Self.recorded(1...2) + [Self.gap(3, 4)] + Self.recorded(5...6)
        var account = Accountant.account(for: publications, in: inHole)
        #expect(account.isBalanced)
        #expect(account.undecided == 1)
        account = Accountant.account(for: publications, in: Self.recorded(1...6))
        #expect(account.isBalanced)
        #expect(account.published == 6)
    }

    /// A wrong capture of the publications 1 to 10.
    struct Lie: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let timeline: [TimelineItem]

        init(_ description: String, _ parts: [TimelineItem]...) {
            testDescription = description
            timeline = parts.flatMap { $0 }
        }
    }

    static let lies: [Lie] = [
        Lie("a silent hole", recorded(1...3), recorded(7...10)),
        Lie("a hole reported too small", recorded(1...3), [gap(5, 6)], recorded(7...10)),
        Lie("a hole reported too large", recorded(1...3), [gap(4, 7)], recorded(7...10)),
        Lie("recorded and reported", recorded(1...6), [gap(4, 6)], recorded(7...10)),
        Lie("reported, never published", recorded(1...10), [gap(11, 12)]),
        Lie("reported twice", recorded(1...3), [gap(4, 6), gap(5, 6, "dropped")], recorded(7...10)),
        Lie("recorded twice", recorded(1...6), recorded(6...10)),
        Lie("out of order", recorded(1...4), recorded(6...6), recorded(5...5), recorded(7...10)),
        Lie("never published", recorded(1...10), [.envelope(Array("11 other".utf8))]),
        Lie("other bytes", recorded(1...9), [.envelope(Array("11 blob 0 10".utf8))]),
        Lie("the end is missing", recorded(1...8)),
        Lie("a reset that was none", recorded(1...3), [reset], recorded(7...10)),
    ]

    @Test("each problem is reported", arguments: lies)
    func lie(_ lie: Lie) {
        #expect(!Accountant.account(for: Self.published(1...10), in: lie.timeline).isBalanced)
    }
}
