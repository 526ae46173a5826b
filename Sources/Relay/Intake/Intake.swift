import Prometheus
import Redis
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The queue between the event loop and the recorder thread, bounded in bytes.
///
/// When it is full the newest batch is dropped and counted, and its place marked: the socket is always drained, because
/// Redis buffers for a subscriber that does not read.
final class Intake: EnvelopeSink, @unchecked Sendable {
    // @unchecked: the stored properties below `lock` are used only while it is held.

    /// The result of one read of the queue.
    struct Delivery {
        var items: [IntakeItem] = []
        /// True if nothing more follows.
        var isClosed = false
    }

    /// Number of empty batches kept for reuse.
    private static let spareBatches = 16
    /// Smaller batches are merged while the consumer is busy, so that many small reads do not each cost the memory of a
    /// batch.
    private static let smallBytes = 16 * 1024
    private static let mergedBytes = 64 * 1024
    /// The same for all batches once the intake is filling: then memory matters more than copying.
    private static let mergedBytesWhenFilling = 512 * 1024

    /// In bytes.
    let limit: Int
    let metrics: IntakeMetrics
    /// Its flag: whether there is anything for the consumer.
    private let lock = FlagLock()
    private var items: [IntakeItem] = []
    private var isClosed = false
    private var spare: [EnvelopeBatch] = []
    /// Memory of waiting batches, of those being processed, and of incoming large payloads.
    private var bytes = 0

    /// - Parameter limit: maximum memory of waiting batches, in bytes.
    init(limit: Int, metrics: IntakeMetrics) {
        precondition(limit > 0)
        self.limit = limit
        self.metrics = metrics
        metrics.limitBytes.set(Double(limit))
    }

    // MARK: - Event loop

    func nextBatch() -> EnvelopeBatch {
        lock.lock()
        defer { lock.unlock() }
        return spare.popLast() ?? EnvelopeBatch()
    }

    func deliver(_ batch: EnvelopeBatch) {
        lock.lock()
        if batch.isAdmitted {
            // Already counted when it began to arrive.
            items.append(.batch(batch))
        } else if mergeIntoLast(batch) {
            keep(batch)
        } else if bytes + batch.footprint <= limit {
            bytes += batch.footprint
            items.append(.batch(batch))
        } else {
            drop(batch)
        }
        let filled = bytes
        lock.unlock(setting: true)
        metrics.bytes.set(Double(filled))
    }

    func admission(ofPayload count: Int, channel: Int) -> PayloadAdmission {
        let needed = EnvelopeBatch.footprint(ofPayload: count)
        guard needed <= limit else { return .tooLarge }
        lock.lock()
        let hasRoom = bytes + needed <= limit
        if hasRoom { bytes += needed }
        let filled = bytes
        lock.unlock()
        metrics.bytes.set(Double(filled))
        return hasRoom ? .take : .noRoom
    }

    func abandoned(payloadOf count: Int) {
        lock.lock()
        bytes -= EnvelopeBatch.footprint(ofPayload: count)
        let filled = bytes
        lock.unlock()
        metrics.bytes.set(Double(filled))
    }

    func skipped(_ payload: SkippedPayload) {
        metrics.drops.drop(DropReason(payload), envelopes: 1, bytes: payload.bytes)
        append(.skipped(payload))
    }

    func subscribed(_ subscription: Subscription) {
        append(.subscribed(subscription))
    }

    func disconnected(_ cause: DisconnectCause) {
        append(.disconnected(cause))
    }

    /// See ``IntakeItem/counters(_:)``. Thread-safe.
    func counters(_ readings: CounterReadings) {
        append(.counters(readings))
    }

    /// Sends a command to the recorder; thread-safe. Immediate repetitions are merged.
    func command(_ command: RecorderCommand) {
        lock.lock()
        let isRepeated = if case .command(let last)? = items.last { last == command } else { false }
        if !isRepeated { items.append(.command(command)) }
        lock.unlock(setting: true)
    }

    /// Nothing more follows; the consumer gets the rest.
    func close() {
        lock.lock()
        isClosed = true
        lock.unlock(setting: true)
    }

    private func append(_ item: IntakeItem) {
        lock.lock()
        items.append(item)
        lock.unlock(setting: true)
    }

    private func mergeIntoLast(_ batch: EnvelopeBatch) -> Bool {
        let isFilling = bytes > limit / 16
        guard isFilling || batch.byteCount < Self.smallBytes, case .batch(let last)? = items.last,
            last.byteCount + batch.byteCount <= (isFilling ? Self.mergedBytesWhenFilling : Self.mergedBytes)
        else { return false }
        let before = last.footprint
        guard bytes - before + last.footprint(with: batch) <= limit else { return false }
        last.append(contentsOf: batch)
        bytes += last.footprint - before
        return true
    }

    private func drop(_ batch: EnvelopeBatch) {
        metrics.drops.drop(.bufferFull, envelopes: batch.count, bytes: batch.byteCount)
        var dropped = (envelopes: 0, bytes: 0, ids: DroppedIDs())
        if case .dropped(let envelopes, let bytes, let ids)? = items.last {
            dropped = (envelopes, bytes, ids)
            items.removeLast()
        }
        dropped.ids.add(batch)
        items.append(
            .dropped(
                envelopes: dropped.envelopes + batch.count, bytes: dropped.bytes + batch.byteCount, ids: dropped.ids))
        keep(batch)
    }

    private func keep(_ batch: EnvelopeBatch) {
        guard spare.count < Self.spareBatches else { return }
        batch.reset()
        spare.append(batch)
    }

    // MARK: - Consumer

    /// Waits until there is something, for at most `seconds`.
    func take(waitingAtMost seconds: Double) -> Delivery {
        guard lock.lockWhenSet(within: seconds) else { return Delivery() }
        let delivery = Delivery(items: items, isClosed: isClosed)
        items = []
        lock.unlock(setting: isClosed)
        return delivery
    }

    /// The consumer is done with a large payload's batch except for `work`, which writes its copy: the memory is freed
    /// before `work`, but counted until after it. So no other large payload arrives while there are two copies of this
    /// one.
    @discardableResult
    func recycle(large batch: EnvelopeBatch, after work: () -> Void) -> Double {
        let room = batch.footprint
        batch.reset()
        work()
        lock.lock()
        bytes -= room
        let filled = bytes
        keep(batch)
        lock.unlock()
        metrics.bytes.set(Double(filled))
        return Double(filled) / Double(limit)
    }

    /// The consumer is done with a batch.
    ///
    /// - Returns: how full the queue still is, 0 to 1.
    @discardableResult
    func recycle(_ batch: EnvelopeBatch) -> Double {
        lock.lock()
        bytes -= batch.footprint
        let filled = bytes
        keep(batch)
        lock.unlock()
        metrics.bytes.set(Double(filled))
        return Double(filled) / Double(limit)
    }
}

/// A lock with a flag that one thread can wait for, with a timeout.
///
/// Timeouts use the monotonic clock. NIO's `ConditionLock` uses the system clock: if it is set back by an hour, a wait
/// of a second takes an hour.
final class FlagLock: @unchecked Sendable {
    // @unchecked: pthread objects are thread-safe; the flag is used only while the lock is held.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var flag = false

    init() {
        var attributes = pthread_condattr_t()
        var failures = pthread_mutex_init(mutex, nil)
        failures |= pthread_condattr_init(&attributes)
        failures |= pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        failures |= pthread_cond_init(condition, &attributes)
        precondition(failures == 0, "pthread cannot create a mutex or condition")
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func lock() {
        let failure = pthread_mutex_lock(mutex)
        precondition(failure == 0, "pthread_mutex_lock: \(failure)")
    }

    func unlock() {
        let failure = pthread_mutex_unlock(mutex)
        precondition(failure == 0, "pthread_mutex_unlock: \(failure)")
    }

    /// Sets or clears the flag, and wakes the waiting thread.
    func unlock(setting flag: Bool) {
        self.flag = flag
        unlock()
        if flag { pthread_cond_signal(condition) }
    }

    /// Acquires the lock once the flag is set.
    ///
    /// - Returns: false on timeout; then the lock is not held.
    func lockWhenSet(within seconds: Double) -> Bool {
        let end = SystemClock.monotonic() + UInt64(max(0, seconds) * 1e9)
        var deadline = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
        lock()
        while !flag {
            if pthread_cond_timedwait(condition, mutex, &deadline) != 0 {
                if flag { break }
                unlock()
                return false
            }
        }
        return true
    }
}
