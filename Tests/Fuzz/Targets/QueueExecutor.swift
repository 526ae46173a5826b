import Synchronization

/// Runs the jobs of tasks and actors on request, on the calling thread: one input is finished before the next starts.
final class QueueExecutor: SerialExecutor {
    private let jobs = Mutex<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
    }

    /// Runs until no job is left.
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
