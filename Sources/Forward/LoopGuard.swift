import Backplane
import Cryptography
import Redis

/// Where envelopes come from and where they go, and whether they may: decision logic without I/O.
struct LoopGuard: Equatable {
    /// A server, as far as it can be told from others.
    struct Server: Equatable {
        /// nil if INFO is not permitted.
        var runID: String?
        /// `host:port`
        var endpoint: String

        /// Where the endpoint leads; nil until somebody had to look.
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
    /// Where all of it goes; nil for the event key that it comes from.
    let targetChannel: String?

    func target(of channel: Int) -> String { targetChannel ?? channels[channel] }

    /// Whether a message that is forwarded would come back at once: the same server, and an event key that is watched.
    var returnsAtOnce: Bool {
        target.isSame(as: source)
            && channels.indices.contains { index in
                channels.contains { $0.isSameOrdinally(as: target(of: index)) }
            }
    }

    /// The mark of the place that an envelope leaves.
    func leaving(_ channel: Int) -> String { Self.mark(source, channels[channel]) }

    /// Where an envelope must not have been: where it would go, and here.
    func visited(_ channel: Int) -> [String] { [Self.mark(target, target(of: channel)), leaving(channel)] }

    private static func mark(_ server: Server, _ channel: String) -> String {
        SHA256.hash(Array("\(server.runID ?? server.endpoint)\u{0}\(channel)".utf8)).bytes.prefix(8).hex
    }
}
