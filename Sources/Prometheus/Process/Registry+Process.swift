import Time

extension Registry {
    /// What every command with `/metrics` tells of itself: which build runs, and the usual `process_*`, read from /proc at
    /// each scrape. Once for each registry.
    ///
    /// - Parameter version: as `--version` prints it.
    package func registerProcess(version: String) {
        gaugeFamily(
            "backplane_relay_build_info",
            help: "Always 1; the labels name the running build. Several versions at once: a rollout is not finished.",
            labels: ["version"]
        ).with(version).set(1)
        counter(
            "process_cpu_seconds_total",
            help:
                "User and system CPU time of this process. If its rate is near the number of available cores, everything is late; give it more.",
            reading: SystemClock.processSeconds)
        let resident = gauge(
            "process_resident_memory_bytes",
            help:
                "Memory in RAM. Near the limit of its unit or container the kernel kills the process: raise the limit, or lower the buffers."
        )
        let virtual = gauge(
            "process_virtual_memory_bytes",
            help: "Address space; much more than RAM is normal. It matters only under ulimit -v.")
        let openFiles = gauge(
            "process_open_fds",
            help: "Open file descriptors. Near process_max_fds connections are refused: raise LimitNOFILE.")
        let maximumFiles = gauge(
            "process_max_fds",
            help: "Limit of open file descriptors (LimitNOFILE, ulimit -n); compare process_open_fds.")
        gauge(
            "process_start_time_seconds",
            help:
                "Start of the process, Unix time. If it changes without a deployment, the process died: see its log."
        ).set(ProcFiles.startTime())
        onScrape {
            if let memory = ProcFiles.memoryBytes() {
                virtual.set(memory.total)
                resident.set(memory.resident)
            }
            if let count = ProcFiles.openFileCount() { openFiles.set(Double(count)) }
            if let limit = ProcFiles.openFileLimit() { maximumFiles.set(limit) }
        }
    }
}
