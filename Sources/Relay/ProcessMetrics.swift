import Prometheus

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The usual `process_*` metrics, read from /proc at each scrape.
enum ProcessMetrics {
    static func register(in registry: Registry) {
        registry.counter(
            "process_cpu_seconds_total", help: "Processor time, user and system, of this process.",
            reading: cpuSeconds)
        let resident = registry.gauge("process_resident_memory_bytes", help: "Memory in RAM.")
        let virtual = registry.gauge("process_virtual_memory_bytes", help: "Address space.")
        let openFiles = registry.gauge("process_open_fds", help: "Open file descriptors.")
        let maximumFiles = registry.gauge("process_max_fds", help: "Limit of open file descriptors.")
        let start = registry.gauge("process_start_time_seconds", help: "Start of the process, Unix time.")
        start.set(startTime())
        registry.onScrape {
            if let pages = memoryPages() {
                let pageSize = Double(sysconf(Int32(_SC_PAGESIZE)))
                virtual.set(pages.total * pageSize)
                resident.set(pages.resident * pageSize)
            }
            if let count = openFileCount() { openFiles.set(Double(count)) }
            var limit = rlimit()
            if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
                maximumFiles.set(limit.rlim_cur == rlim_t.max ? .infinity : Double(limit.rlim_cur))
            }
        }
    }

    private static func cpuSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private static func memoryPages() -> (total: Double, resident: Double)? {
        guard let text = read("/proc/self/statm") else { return nil }
        let fields = text.split(separator: " ").compactMap { Double($0) }
        return fields.count >= 2 ? (fields[0], fields[1]) : nil
    }

    private static func openFileCount() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // ".", ".." and the descriptor of this listing.
        return max(0, count - 3)
    }

    /// From the start in clock ticks after boot (field 22 of stat) and the boot time.
    private static func startTime() -> Double {
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
