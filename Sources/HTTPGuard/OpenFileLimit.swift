#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The number of connections that the process can have.
package enum OpenFileLimit {
    /// For other files of the process: Redis, log, capture.
    private static let reserve = 100

    /// - Returns: fewer than wanted if the limit on open files (`ulimit -n`) requires it.
    package static func connections(wanted: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return wanted }
        return min(wanted, max(16, Int(clamping: limit.rlim_cur) - reserve))
    }
}
