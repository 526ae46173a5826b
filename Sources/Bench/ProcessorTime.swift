#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// CPU time, user and system, in seconds.
enum ProcessorTime {
    /// Of all processors of this machine, for a share; nil if unavailable.
    static func ofMachine() -> (busy: Double, total: Double)? {
        guard let file = fopen("/proc/stat", "re") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // cpu user nice system idle iowait irq softirq steal ...; guest time is included in user.
        let fields = text.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0.filter(\.isNumber)) }
        guard fields.count >= 5 else { return nil }
        let total = fields.reduce(0, +)
        return (total - fields[3] - fields[4], total)
    }

    static var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
