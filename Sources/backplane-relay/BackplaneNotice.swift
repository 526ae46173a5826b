import Logging
import NIOPosix
import Preflight
import Redis

/// Says in the first lines of a relay what lives on its Redis other than what it watches, and which command would watch
/// that.
struct BackplaneNotice {
    /// The longest wait for each answer, in milliseconds: an unavailable Redis delays no relay.
    private static let patience: Int64 = 500
    /// Where it may end the command.
    private static let longPatience: Int64 = 2_000

    private let findings: [PreflightFinding]
    /// Whether hubs that cannot be found are all that there is to watch.
    private let needsHubs: Bool

    /// - Parameters:
    ///   - channels: event keys of SignalR 2.
    ///   - core: nil if nothing of ASP.NET Core is watched.
    static func look(
        at redis: RedisConfiguration, channels: [String], core: CoreAttachment?, maxChannelScan: Int
    ) async -> BackplaneNotice {
        var redis = redis
        redis.clientName += "-watch"
        redis.shorten(to: core == nil ? patience : longPatience)
        let report = try? await Preflight.backplanes(
            redis: redis, channels: channels, core: core, maxChannelScan: maxChannelScan,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        return BackplaneNotice(
            findings: report?.backplaneFindings ?? [],
            needsHubs: channels.isEmpty && core?.hubs.isEmpty ?? false)
    }

    /// - Throws: what the relay must not begin with, with the options that change it.
    func require() throws {
        let problem = findings.first { finding in
            finding.severity == .problem && (finding.setting != .hubNames || needsHubs)
        }
        if let problem { throw ExplainedError(OptionNames.explained(problem)) }
    }

    func log(to logger: Logger) {
        for finding in findings {
            logger.warning("pre-flight", metadata: ["cause": "\(OptionNames.explained(finding))"])
        }
    }
}
