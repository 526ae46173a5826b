import Capture
import Redis

/// Whether a replay may begin: decision logic without I/O.
enum ReplayGuard {
    private static let loopback: Set = ["127.0.0.1", "localhost", "[::1]", "::1"]

    /// - Parameters:
    ///   - sources: of the capture.
    ///   - channels: captured event keys and the target's, of what is selected.
    ///   - host: name of this machine.
    static func objection(
        to target: ReplayTarget, sources: [CaptureSource], channels: [String: String], host: String,
        options: ReplayOptions
    ) -> ReplayError? {
        if !options.allowsSource, sources.contains(where: { isSame($0, target, host: host) }),
            let channel = channels.keys.sorted().first(where: { channels.keys.contains(channels[$0] ?? $0) })
        {
            return .targetIsSource(endpoint: target.endpoint, channel: channels[channel] ?? channel)
        }
        return nil
    }

    /// For `preserve`: real nodes take captured ids only if they have seen none above, so nobody may listen.
    ///
    /// - Parameter firstIDs: lowest captured id, by the target's event key.
    static func objectionToIDs(
        of target: ReplayTarget, firstIDs: [String: UInt64], options: ReplayOptions
    ) -> ReplayError? {
        guard options.ids == .preserve, !options.forcesIDs else { return nil }
        for (channel, first) in firstIDs.sorted(by: { $0.key < $1.key }) {
            guard let counter = target.counters[channel] else {
                return .idsRefused(
                    reason:
                        "the counter '\(channel)' at \(target.endpoint) cannot be read, so captured ids may not fit; permit GET, or --force"
                )
            }
            if counter >= first {
                return .idsRefused(
                    reason:
                        "the counter '\(channel)' at \(target.endpoint) is at \(counter), not below the first captured id \(first): nodes there would take captured ids for old ones; use --ids rebase, or --force"
                )
            }
            if let subscribers = target.subscribers[channel], subscribers > 0 {
                return .idsRefused(
                    reason:
                        "\(subscribers) subscribers listen on '\(channel)' at \(target.endpoint): ids that jump look like lost messages to them; stop them first, use --ids rebase, or --force"
                )
            }
        }
        return nil
    }

    /// By run_id. A server that was restarted since has another: then the address tells, unless it is one that means
    /// another machine everywhere.
    private static func isSame(_ source: CaptureSource, _ target: ReplayTarget, host: String) -> Bool {
        if let runID = source.runID, runID == target.server?.runID { return true }
        guard source.redis == target.endpoint else { return false }
        let name = source.redis.lastIndex(of: ":").map { String(source.redis[..<$0]) } ?? source.redis
        return loopback.contains(name) ? source.host == host : true
    }
}
