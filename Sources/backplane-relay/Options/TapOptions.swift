import ArgumentParser
import Preflight
import Redis

/// Whether and how to read the replication stream of Redis instead of subscribing.
struct TapOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Read the replication stream of Redis instead of subscribing: a lost connection loses nothing while the backlog \
            of Redis covers it, and the relay is not a subscriber. If the stream is refused, --tap fails and --tap=prefer \
            subscribes; --tap=force overrides what can be overridden. --check-only shows what it costs. Needs the \
            rights +psync +replconf +ping.
            """, valueName: "on|prefer|force"))
    var tap: TapMode?

    @Option(
        help: ArgumentHelp(
            """
            With --tap, refuse a full sync, for which Redis forks, if Redis uses more memory than this, or if its memory \
            is unknown because INFO is refused. 'any' allows every full sync. A full sync is rarely needed: see \
            --check-only.
            """, valueName: "size|any"))
    var tapFullSyncLimit = MemoryLimit(bytes: TapLimits.defaultFullSyncBytes)

    /// nil to subscribe.
    var policy: TapPolicy? {
        tap.map { mode in
            TapPolicy(
                limits: TapLimits(fullSyncBytes: tapFullSyncLimit.bytes, isForced: mode == .force),
                mayFallBack: mode == .prefer)
        }
    }
}

/// The value of `--tap-full-sync-limit`: a size, or `any`.
struct MemoryLimit: ExpressibleByArgument {
    private static let anySize = "any"

    /// `Int64.max` for any.
    let bytes: Int64

    init(bytes: Int64) {
        self.bytes = bytes
    }

    init?(argument: String) {
        if argument == Self.anySize {
            bytes = .max
        } else {
            guard let size = ByteSize(argument: argument) else { return nil }
            bytes = Int64(size.bytes)
        }
    }

    var defaultValueDescription: String {
        bytes == .max ? Self.anySize : ByteSize(bytes: Int(bytes)).defaultValueDescription
    }
}

/// The value of `--tap`.
enum TapMode: String, ExpressibleByArgument, CaseIterable {
    /// Fails where the stream is refused.
    case on
    /// Subscribes where the stream is refused.
    case prefer
    /// Overrides the objections that can be overridden.
    case force

    /// - Returns: nil for none of them; a variable may say `true` or `1`, as for a flag.
    init?(argument: String) {
        if ["true", "1", "yes"].contains(argument.lowercased()) {
            self = .on
        } else {
            self.init(rawValue: argument)
        }
    }

    private static let option = "--tap"

    /// The parser knows no option whose value may be absent: completes `--tap` to `--tap=on`.
    ///
    /// - Parameter arguments: of the command line, the command first.
    static func completed(_ arguments: [String]) -> [String] {
        guard arguments.first == RunCommand.configuration.commandName else { return arguments }
        var completed = arguments
        for index in arguments.indices.reversed() where arguments[index] == option {
            let next = index + 1 < arguments.count ? arguments[index + 1] : ""
            if TapMode(argument: next) == nil { completed[index] = "\(option)=\(TapMode.on.rawValue)" }
        }
        return completed
    }
}
