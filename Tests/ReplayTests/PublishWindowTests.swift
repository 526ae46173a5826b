import Foundation
import Redis
import Testing

@testable import Replay

@Suite struct PublishWindowTests {
    private static func reply(_ id: Int64, receivers: Int64) -> Result<RESPValue, RedisError> {
        .success(.array([.integer(id), .integer(receivers)]))
    }

    @Test func everythingConfirmed() {
        let window = PublishWindow()
        #expect(window.admit(3))
        for (id, receivers) in [(101, 4), (102, 2), (103, 4)] as [(Int64, Int64)] {
            window.answered(Self.reply(id, receivers: receivers))
        }
        let outcome = window.drain()
        #expect(outcome.confirmed == 3)
        #expect(outcome.firstID == 101)
        #expect(outcome.lastID == 103)
        #expect(outcome.failure == nil)
        #expect(outcome.receivers.count == 3)
        #expect(outcome.receivers.minimum == 2)
        #expect(outcome.receivers.median == 4)
        #expect(outcome.receivers.maximum == 4)
    }

    @Test func withoutSendsNoReplyIsNeeded() {
        let outcome = PublishWindow().drain()
        #expect(outcome.confirmed == 0 && outcome.firstID == nil && outcome.failure == nil)
        #expect(outcome.receivers == ReplayReport.Distribution())
    }

    static let failures: [(Result<RESPValue, RedisError>, String)] = [
        (.success(.error("OOM command not allowed")), "OOM command not allowed"),
        (.success(.status("OK")), "an unexpected answer from the script"),
        (.success(.null), "an unexpected answer from the script"),
        (
            .failure(.connectionClosed(endpoint: "r:1")),
            RedisError.connectionClosed(endpoint: "r:1").description
        ),
    ]

    @Test(arguments: failures) func theFirstFailureEndsIt(_ failure: Result<RESPValue, RedisError>, cause: String) {
        let window = PublishWindow()
        #expect(window.admit(4))
        window.answered(Self.reply(1, receivers: 1))
        window.answered(failure)
        window.answered(.failure(.notRedis(endpoint: "later", reason: "later")))
        #expect(!window.admit(1))
        window.answered(Self.reply(3, receivers: 1))
        let outcome = window.drain()
        #expect(outcome.failure == cause)
        #expect(outcome.confirmed == 1)
    }

    /// A reply without an id confirms nothing: the number `sent` must not be too low silently.
    @Test(arguments: [[], [.bulk([0x31])], [.null, .integer(1)]] as [[RESPValue]])
    func anAnswerWithoutAnIDIsAFailure(_ parts: [RESPValue]) {
        let window = PublishWindow()
        #expect(window.admit(1))
        window.answered(.success(.array(parts)))
        let outcome = window.drain()
        #expect(outcome.confirmed == 0)
        #expect(outcome.failure == "an unexpected answer from the script")
    }

    /// Envelopes in flight are bounded in memory; a larger one is sent alone.
    @Test func manyBytesWaitForReplies() async {
        let window = PublishWindow()
        #expect(window.admit(2, bytes: PublishWindow.byteLimit - 10))
        let next = Task.detached { window.admit(1, bytes: 11) }
        window.answered(Self.reply(1, receivers: 1))
        #expect(window.unansweredBytesNow == PublishWindow.byteLimit - 10, "a batch is in flight until its last reply")
        window.answered(Self.reply(2, receivers: 1))
        #expect(await next.value)
        #expect(window.unansweredBytesNow == 11)
        let large = Task.detached { window.admit(1, bytes: 2 * PublishWindow.byteLimit) }
        window.answered(Self.reply(3, receivers: 1))
        #expect(await large.value)
        window.answered(Self.reply(4, receivers: 1))
        #expect(window.drain().confirmed == 4)
        #expect(window.unansweredBytesNow == 0)
    }

    @Test func aFullWindowWaitsForReplies() async {
        let window = PublishWindow()
        let sent = NSLock()
        nonisolated(unsafe) var admitted = 0  // Protected by `sent`.
        func count() -> Int { sent.withLock { admitted } }
        let sender = Task.detached {
            for _ in 0..<40 {
                guard window.admit(100) else { return }
                sent.withLock { admitted += 100 }
            }
        }
        var answered = 0
        while answered < 4_000 {
            // Never more in flight than the window's limit.
            let underWay = count() - answered
            #expect(underWay <= PublishWindow.limit)
            if underWay > 0 {
                answered += 1
                window.answered(Self.reply(Int64(answered), receivers: 0))
            } else {
                await Task.yield()
            }
        }
        await sender.value
        let outcome = window.drain()
        #expect(outcome.confirmed == 4_000)
        #expect(outcome.lastID == 4_000)
    }

    @Test func anEnvelopeAboveTheLimitIsSentAlone() {
        let window = PublishWindow()
        #expect(window.admit(PublishWindow.limit * 2))
        for id in 1...PublishWindow.limit * 2 { window.answered(Self.reply(Int64(id), receivers: 1)) }
        #expect(window.admit(1))
    }
}
