import Synchronization

/// Runs what tasks and actors have to do when it is told to, on the thread that tells it: an input is done with before
/// the next one begins.
final class QueueExecutor: SerialExecutor {
    private let jobs = Mutex<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
    }

    /// Runs until nothing is left to do.
    func drain() {
        while true {
            let ready = jobs.withLock { jobs in
                defer { jobs.removeAll(keepingCapacity: true) }
                return jobs
            }
            if ready.isEmpty { return }
            for job in ready { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }

    /// A fuzzer has one thread.
    func checkIsolated() {}
}
