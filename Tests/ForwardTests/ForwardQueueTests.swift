import Redis
import Testing

@testable import Forward

@Suite("Forward queue")
struct ForwardQueueTests {
    private func batch(_ payloads: [[UInt8]]) -> EnvelopeBatch {
        let batch = EnvelopeBatch()
        for payload in payloads { payload.withUnsafeBytes { batch.append(channel: 0, payload: $0) } }
        return batch
    }

    private func payloads(of queue: ForwardQueue) -> [[UInt8]] {
        var all: [[UInt8]] = []
        while let (batch, _) = queue.take() { batch.forEach { _, _, payload in all.append(Array(payload)) } }
        return all
    }

    @Test("returns the offered envelopes in order, as copies")
    func order() {
        let queue = ForwardQueue(limit: 1 << 20)
        let offered = batch([[1], [2, 2]])
        #expect(queue.offer(offered))
        offered.reset()
        #expect(queue.offer(batch([Array(repeating: 3, count: 100_000)])))
        #expect(queue.offer(batch([[4]])))
        #expect(queue.count == 4)
        #expect(payloads(of: queue) == [[1], [2, 2], Array(repeating: 3, count: 100_000), [4]])
        #expect(queue.count == 0)
        #expect(queue.bytes == 0)
        #expect(queue.oldest == nil)
    }

    @Test("never exceeds its limit, and accepts again when there is space")
    func limit() {
        let limit = 1 << 20
        let queue = ForwardQueue(limit: limit)
        let large = batch([Array(repeating: 7, count: 100_000)])
        var taken = 0
        while queue.offer(large) {
            taken += 1
            #expect(queue.bytes <= limit)
        }
        #expect((1..<11).contains(taken))
        #expect(queue.take() != nil)
        #expect(queue.offer(large))
        #expect(!queue.offer(large))
    }

    @Test("an envelope larger than the queue is accepted if the queue is empty")
    func oversized() {
        let queue = ForwardQueue(limit: 100_000)
        let large = batch([Array(repeating: 7, count: 1_000_000)])
        #expect(queue.offer(large))
        #expect(!queue.offer(large))
        #expect(payloads(of: queue).map(\.count) == [1_000_000])
    }

    @Test("waiting ends when an envelope arrives or the task is cancelled", .timeLimit(.minutes(1)))
    func waiting() async {
        let queue = ForwardQueue(limit: 1 << 20)
        let waiter = Task { await queue.waitForMore() }
        #expect(queue.offer(batch([[1]])))
        await waiter.value
        _ = queue.take()
        let cancelled = Task { await queue.waitForMore() }
        cancelled.cancel()
        await cancelled.value
    }
}
