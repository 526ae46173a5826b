import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

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
