import FoundationEssentials
import Relay

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reports the state of the relay to systemd (sd_notify): datagrams to the socket named by `NOTIFY_SOCKET`.
struct SystemdNotifier: RelaySupervisor {
    private let socketPath: String
    /// A third of the watchdog timeout, so that one late heartbeat does not trigger a restart.
    let heartbeatInterval: Duration?

    /// nil unless started by systemd.
    init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
        guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@") else { return nil }
        socketPath = path
        // Without a watchdog `systemctl status` still shows the state.
        heartbeatInterval =
            if let microseconds = environment["WATCHDOG_USEC"].flatMap({ Int64($0) }), microseconds > 0,
                environment["WATCHDOG_PID"].map({ $0 == "\(getpid())" }) ?? true
            { .microseconds(microseconds / 3) } else { .seconds(10) }
    }

    func started(port: Int) { send("READY=1") }
    func alive(state: String) { send("WATCHDOG=1\nSTATUS=\(state)") }

    /// The graceful shutdown has begun.
    func stopping() { send("STOPPING=1\nSTATUS=writing received envelopes") }

    /// Failure to reach the supervisor must not stop the relay.
    private func send(_ message: String) {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(socketPath.utf8)
        // The name of an abstract socket begins with a zero byte.
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        guard name.count < MemoryLayout.size(ofValue: address.sun_path),
            let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)
        else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = start + name.count
        let bytes = Array(message.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(
                    descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0,
                    socklen_t(length))
            }
        }
    }
}
