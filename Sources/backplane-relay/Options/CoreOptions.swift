import ArgumentParser
import Backplane
import Preflight
import Redis

/// The hubs of ASP.NET Core SignalR to watch.
struct CoreOptions: ParsableArguments {
    @Flag(
        help: "Watch all hubs of ASP.NET Core SignalR with the channel prefix, including hubs that appear later.")
    var core = false

    @Option(
        help: ArgumentHelp(
            "Watch this hub: full .NET type name, such as Chat.Hubs.ChatHub. Repeat it for more hubs.",
            valueName: "type"))
    var coreHub: [String] = []

    @Option(
        help: ArgumentHelp(
            "With --core, do not watch this hub: full .NET type name. Repeat it for more hubs.", valueName: "type"))
    var coreExclude: [String] = []

    @Flag(
        help: """
            Also watch messages to single connections. This changes the result of PUBLISH: a client result requested \
            from a connection that is gone then waits until it is cancelled.
            """)
    var coreConnections = false

    @Option(
        help: ArgumentHelp(
            "ChannelPrefix of the ASP.NET Core nodes. Default: the channelPrefix in the address of --redis.",
            valueName: "prefix"))
    var channelPrefix: String?

    @Flag(help: "Attach even if more than 40 patterns for ASP.NET Core slow down each PUBLISH of this Redis.")
    var yes = false

    var isGiven: Bool { core || !coreHub.isEmpty }

    func validate() throws {
        for (name, types) in [("--core-hub", coreHub), ("--core-exclude", coreExclude)] {
            guard types.areDifferentOrdinally else { throw ValidationError("\(name): name each hub only once") }
            for type in types {
                guard !type.isEmpty else { throw ValidationError("\(name): name a hub's .NET type") }
                guard CoreHub(type: type).hasPlausibleType else { throw ValidationError(Self.objection(type, name)) }
            }
        }
        if let both = coreHub.first(where: { type in coreExclude.contains { $0.isSameOrdinally(as: type) } }) {
            throw ValidationError("--core-exclude: '\(both)' is also named by --core-hub")
        }
    }

    private static func objection(_ type: String, _ name: String) -> String {
        let end = type.lastIndex(of: ":").map { type.index(after: $0) } ?? type.startIndex
        let rest = type[end...]
        return rest.isEmpty
            ? "\(name): a .NET type name contains no ':', as in Chat.Hubs.ChatHub"
            : "\(name): a .NET type name contains no ':'; the part before it may be the channel prefix: --channel-prefix '\(type[..<end])' \(name) '\(rest)'"
    }

    /// - Parameter redis: the address of `--redis`, which may contain a prefix.
    /// - Returns: nil if no hub of ASP.NET Core is selected.
    /// - Throws: `ValidationError` if a hub is named twice or the like.
    func attachment(redis: RedisConfiguration) throws -> CoreAttachment? {
        try validate()
        guard isGiven else { return nil }
        return CoreAttachment(
            prefix: channelPrefix ?? redis.channelPrefix ?? "", hubs: coreHub, findsHubs: core, excluded: coreExclude,
            includesConnections: coreConnections, permitsManyPatterns: yes)
    }
}

/// How much a command that watches may ask Redis for channel names.
struct ChannelScanOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Do not ask Redis for channel names if it has more channels than this. They are used to find hubs, and to \
            suggest the right channel for one without other subscribers. 0 never asks.
            """, valueName: "count"))
    var maxChannelScan = ChannelScanPolicy.defaultLimit

    func validate() throws {
        guard maxChannelScan >= 0 else {
            throw ValidationError("--max-channel-scan: \(maxChannelScan) is not a number of channels; 0 never asks")
        }
    }
}

extension CoreOptions {
    /// The options that watch all hubs with a prefix.
    static func arguments(prefix: String) -> String {
        prefix.isEmpty ? "--core" : "--core --channel-prefix \(ShellWord.quoted(prefix))"
    }

    /// The options that watch one hub.
    static func arguments(_ hub: CoreHub) -> String {
        (hub.prefix.isEmpty ? "" : "--channel-prefix \(ShellWord.quoted(hub.prefix)) ")
            + "--core-hub \(ShellWord.quoted(hub.type))"
    }
}

/// A word quoted for a POSIX shell if necessary.
enum ShellWord {
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                let character = Character(UnicodeScalar(byte))
                return character.isASCII && (character.isLetter || character.isNumber || "-_./:+@%".contains(character))
            }
        return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
}

/// Everything a command watches, on both backplanes.
struct WatchedBackplanes {
    let channels: [String]
    let core: CoreOptions

    /// Watched from the start.
    func backplanes(_ attachment: CoreAttachment?) -> [BackplaneChannel] {
        channels.map { .signalR2(key: $0) } + (attachment?.namedHubs ?? []).map { .core($0) }
    }

    /// For the log.
    func title(_ attachment: CoreAttachment?) -> String {
        var names = backplanes(attachment).map(\.name)
        if let attachment, attachment.findsHubs {
            names.append("all hubs with " + (attachment.prefix.isEmpty ? "no prefix" : "prefix '\(attachment.prefix)'"))
        }
        return names.joined(separator: ", ")
    }

    /// - Throws: `ValidationError` if nothing is watched, or something twice.
    func validate() throws {
        guard !channels.isEmpty || core.isGiven else {
            throw ValidationError(
                "nothing to watch: name an event key of SignalR 2 (--channel KEY), or watch the hubs of ASP.NET Core SignalR (--core, or --core-hub TYPE); 'backplane-relay channels' lists what a Redis has"
            )
        }
        guard channels.allSatisfy({ !$0.isEmpty }) else {
            throw ValidationError("--channel: name at least one event key")
        }
        guard channels.areDifferentOrdinally else {
            throw ValidationError("--channel: name each event key only once")
        }
    }
}
