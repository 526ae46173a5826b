import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension Registry {
    /// Registers the build information and the usual `process_*` metrics, read from /proc at each scrape. Call it once
    /// for each registry.
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

/// Figures of this process from the kernel.
enum ProcFiles {
    static func memoryBytes() -> (total: Double, resident: Double)? {
        guard let text = read("/proc/self/statm") else { return nil }
        let pages = text.split(separator: " ").compactMap { Double($0) }
        let pageSize = Double(sysconf(Int32(_SC_PAGESIZE)))
        return pages.count >= 2 ? (pages[0] * pageSize, pages[1] * pageSize) : nil
    }

    static func openFileCount() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // ".", ".." and the descriptor of this listing.
        return max(0, count - 3)
    }

    /// Infinite without a limit; nil if the kernel does not say.
    static func openFileLimit() -> Double? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return limit.rlim_cur == rlim_t.max ? .infinity : Double(limit.rlim_cur)
    }

    /// From the start in clock ticks after boot (field 22 of stat) and the boot time.
    static func startTime() -> Double {
        guard let stat = read("/proc/self/stat"), let close = stat.lastIndex(of: ")"),
            let boot = read("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let bootTime = Double(boot.dropFirst("btime ".count))
        else { return 0 }
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        guard fields.count > 19, let ticks = Double(fields[19]) else { return 0 }
        return bootTime + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while true {
            let piece = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                count = max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
            }
            if piece.isEmpty { break }
            bytes += piece
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
