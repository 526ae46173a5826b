import Backplane
import Cryptography
import Redis

/// Source and destination of envelopes, and whether they may be forwarded: decision logic without I/O.
struct LoopGuard: Equatable {
    /// The identity of a server, as far as known.
    struct Server: Equatable {
        /// nil if INFO is not permitted.
        var runID: String?
        /// `host:port`
        var endpoint: String

        /// The resolved address; nil unless it was needed.
        var place: ServerPlace?

        var hasNoRunID: Bool { runID?.isEmpty ?? true }

        func isSame(as other: Server) -> Bool {
            if let runID, let otherID = other.runID, !runID.isEmpty, !otherID.isEmpty { return runID == otherID }
            if let place, let otherPlace = other.place, place.isSame(as: otherPlace) { return true }
            return endpoint == other.endpoint
        }
    }

    var source: Server
    var target: Server
    /// The event keys, by channel index.
    let channels: [String]
    /// Event key for all envelopes; nil for the original one.
    let targetChannel: String?

    func target(of channel: Int) -> String { targetChannel ?? channels[channel] }

    /// Whether a forwarded message would return immediately: the same server and a watched event key.
    var returnsAtOnce: Bool {
        target.isSame(as: source)
            && channels.indices.contains { index in
                channels.contains { $0.isSameOrdinally(as: target(of: index)) }
            }
    }

    /// The mark of the place that an envelope leaves.
    func leaving(_ channel: Int) -> String { Self.mark(source, channels[channel]) }

    /// The places an envelope must not have passed: its destination, and this relay.
    func visited(_ channel: Int) -> [String] { [Self.mark(target, target(of: channel)), leaving(channel)] }

    private static func mark(_ server: Server, _ channel: String) -> String {
        SHA256.hash(Array("\(server.runID ?? server.endpoint)\u{0}\(channel)".utf8)).bytes.prefix(8).hex
    }
}
