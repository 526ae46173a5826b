#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How many connections the process may have at all.
package enum OpenFileLimit {
    /// For what else a process opens: Redis, log, capture.
    private static let reserve = 100

    /// - Returns: fewer than wanted where the limit on open files (`ulimit -n`) does not allow them.
    package static func connections(wanted: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return wanted }
        return min(wanted, max(16, Int(clamping: limit.rlim_cur) - reserve))
    }
}
