import Testing

@testable import Relay

@Suite struct MarkerAccountTests {
    private typealias Outcome = MarkerAccount.Outcome

    private enum Step {
        /// The server's answer: PUBLISHes before this marker, markers included.
        case answered(UInt64, published: Int, server: String = "a", others: [String: Int] = [:])
        case seen(UInt64, received: Int)
        case failed(UInt64)
        case interrupted
    }

    private static func counted(_ published: Int, _ received: Int, interrupted: Bool = false) -> Outcome {
        .counted(.init(published: published, received: received, isInterrupted: interrupted))
    }

    private static func run(_ steps: [Step]) -> [Outcome] {
        var account = MarkerAccount()
        var outcomes: [Outcome?] = []
        for step in steps {
            switch step {
            case .answered(let number, let published, let server, let others):
                let calls = others.merging(["publish": published]) { $1 }
                outcomes.append(account.answered(number, MarkerReading(server: server, calls: calls)))
            case .seen(let number, let received): outcomes.append(account.seen(number, received: received))
            case .failed(let number): account.failed(number)
            case .interrupted: account.interrupted()
            }
        }
        return outcomes.compactMap(\.self)
    }

    @Test("the server's count compared with what was received, whether the answer or the marker comes first")
    func steady() {
        #expect(
            Self.run([
                .answered(1, published: 100), .seen(1, received: 7),
                // 212 PUBLISHes and marker 1.
                .seen(2, received: 219), .answered(2, published: 313),
                // Nothing but marker 2.
                .answered(3, published: 314), .seen(3, received: 219),
                // On other channels.
                .answered(4, published: 320), .seen(4, received: 220),
            ]) == [.began, Self.counted(212, 212), Self.counted(0, 0), Self.counted(5, 1)])
    }

    @Test("an interruption: the interval reaches from the last marker before it to the first after it")
    func interruption() {
        #expect(
            Self.run([
                .answered(1, published: 0), .seen(1, received: 0),
                .interrupted,
                // Executed, and not seen.
                .answered(2, published: 11), .answered(3, published: 32),
                .answered(4, published: 50), .seen(4, received: 10),
                .answered(5, published: 51), .seen(5, received: 10),
            ]) == [.began, Self.counted(47, 10, interrupted: true), Self.counted(0, 0)])
    }

    @Test("a missing marker shows a loss without a lost connection, such as a full sync of a replica")
    func silentLoss() {
        #expect(
            Self.run([
                .answered(1, published: 0), .seen(1, received: 0), .answered(2, published: 1),
                .answered(3, published: 302), .seen(3, received: 0),
            ]) == [.began, Self.counted(300, 0, interrupted: true)])
    }

    @Test("a marker without an answer never makes the number too low")
    func unanswered() {
        // Not executed.
        #expect(
            Self.run([
                .answered(1, published: 0), .seen(1, received: 0), .failed(2), .answered(3, published: 6),
                .seen(3, received: 5),
            ]) == [.began, Self.counted(5, 5)])
        // Executed and seen, in either order.
        for steps in [[Step.failed(2), .seen(2, received: 2)], [.seen(2, received: 2), .failed(2)]] {
            #expect(
                Self.run(
                    [.answered(1, published: 0), .seen(1, received: 0)] + steps + [
                        .answered(3, published: 7), .seen(3, received: 5),
                    ]) == [.began, Self.counted(5, 5)])
        }
        // Executed and not seen: one too many.
        #expect(
            Self.run([
                .answered(1, published: 0), .seen(1, received: 0), .failed(2), .interrupted,
                .answered(3, published: 12), .seen(3, received: 5),
            ]) == [.began, Self.counted(11, 5, interrupted: true)])
    }

    @Test("after a reset of the counts or a change of the server there is no number, and a new interval begins")
    func void() {
        let after: [Step] = [.answered(3, published: 54, server: "b"), .seen(3, received: 9)]
        #expect(
            Self.run(
                [
                    .answered(1, published: 50), .seen(1, received: 5), .answered(2, published: 51, server: "b"),
                    .seen(2, received: 7),
                ] + after) == [.began, .void(.otherServer), Self.counted(2, 2)])
        #expect(
            Self.run([
                .answered(1, published: 50), .seen(1, received: 5), .answered(2, published: 3), .seen(2, received: 7),
            ]) == [.began, .void(.countsReset)])
        // PUBLISH has a higher count again: another command shows the reset.
        #expect(
            Self.run([
                .answered(1, published: 5, others: ["client|setname": 1]), .seen(1, received: 5),
                .answered(2, published: 30), .seen(2, received: 7),
            ]) == [.began, .void(.countsReset)])
    }

    @Test("messages that are received twice never make the number negative")
    func neverNegative() {
        let interval = MarkerAccount.Interval(published: 3, received: 5, isInterrupted: false)
        #expect(interval.unseen == 0)
        #expect(
            Self.run([
                .answered(1, published: 0), .seen(1, received: 0), .failed(2), .failed(3), .answered(4, published: 0),
                .seen(4, received: 0),
            ]) == [.began, Self.counted(0, 0)])
    }

    @Test("markers that are never seen or never answered use limited memory")
    func limited() {
        var account = MarkerAccount()
        for number in 1...1_000 as ClosedRange<UInt64> {
            #expect(account.answered(number, MarkerReading(server: "a", calls: ["publish": Int(number)])) == nil)
            #expect(account.seen(number + 100_000, received: 0) == nil)
            account.failed(number + 200_000)
        }
        #expect(account.seen(1, received: 0) == nil)
        #expect(account.seen(1_000, received: 0) == .began)
    }

    @Test func readsCommandStatistics() {
        let text = """
            # Commandstats\r
            cmdstat_client|setname:calls=1,usec=3,usec_per_call=3.00,rejected_calls=0,failed_calls=0\r
            cmdstat_publish:calls=249,usec=51,usec_per_call=0.20,rejected_calls=2,failed_calls=0\r
            cmdstat_odd:usec=5\r
            """
        let reading = MarkerReading(server: "a", commandStatistics: text)
        #expect(reading.calls == ["client|setname": 1, "publish": 249])
        #expect(reading.published == 249)
        #expect(MarkerReading(server: "a", commandStatistics: "").published == 0)
    }
}
