import ArgumentParser
import Backplane
import Capture
import Replay

/// The channels and hubs to publish to.
struct MappingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Publish everything on this event key of the target.", valueName: "key"))
    var toChannel: String?

    @Option(
        help: ArgumentHelp(
            "Publish one captured event key on another. Repeat it for more.", valueName: "old=new"))
    var mapChannel: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Rename a hub in calls and signals. For ASP.NET Core use full type names; the old one may be the class name. \
            Repeat it for more.
            """, valueName: "old=new"))
    var mapHub: [String] = []

    @Option(
        help: ArgumentHelp(
            "Publish hubs of ASP.NET Core under another channel prefix; either may be empty. Repeat it for more.",
            valueName: "old=new"))
    var mapPrefix: [String] = []

    @Option(help: ArgumentHelp("Rename a group. Repeat it for more.", valueName: "old=new"))
    var mapGroup: [String] = []

    @Option(help: ArgumentHelp("Send to another user instead. Repeat it for more.", valueName: "old=new"))
    var mapUser: [String] = []

    func validate() throws {
        if toChannel?.isEmpty == true { throw ValidationError("--to-channel: name an event key") }
        _ = try Self.pairs(mapChannel, option: "--map-channel")
        _ = try Self.pairs(mapHub, option: "--map-hub")
        _ = try prefixes
        _ = try groups
        _ = try users
    }

    var prefixes: OrdinalNameMap<String> {
        get throws { try Self.pairs(mapPrefix, option: "--map-prefix", mayBeEmpty: true) }
    }

    var groups: OrdinalNameMap<String> { get throws { try Self.pairs(mapGroup, option: "--map-group") } }
    var users: OrdinalNameMap<String> { get throws { try Self.pairs(mapUser, option: "--map-user") } }

    var channels: OrdinalNameMap<String> {
        get throws { try Self.pairs(mapChannel, option: "--map-channel") }
    }

    /// By captured name; nodes ignore the case of hub names.
    var hubs: OrdinalNameMap<String> {
        get throws {
            let pairs = try Self.pairs(mapHub, option: "--map-hub")
            var seen: Set<CaselessName> = []
            for name in pairs.keys.sorted() where !seen.insert(CaselessName(name)).inserted {
                throw ValidationError("--map-hub: '\(name)' is mapped twice: hub names have no case")
            }
            return pairs
        }
    }

    /// - Parameter mayBeEmpty: whether names may be empty, such as channel prefixes.
    static func pairs(
        _ texts: [String], option: String, mayBeEmpty: Bool = false
    ) throws -> OrdinalNameMap<String> {
        var pairs: OrdinalNameMap<String> = [:]
        for text in texts {
            guard let (old, new) = pair(text), mayBeEmpty || (!old.isEmpty && !new.isEmpty) else {
                throw ValidationError("\(option): '\(text)' is not a pair; write old=new")
            }
            guard pairs.updateValue(new, forKey: old) == nil else {
                throw ValidationError("\(option): '\(old)' is mapped twice")
            }
        }
        return pairs
    }

    /// Split at the first equals sign outside square brackets: the name of a generic hub contains further ones, as in
    /// ``RoomHub`1[[System.Int32, ..., Version=8.0.0.0, ...]]``.
    private static func pair(_ text: String) -> (old: String, new: String)? {
        var depth = 0
        // By bytes: as a Character, the sign would include a combining mark after it.
        for (index, byte) in zip(text.utf8.indices, text.utf8) {
            switch byte {
            case UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "=") where depth <= 0:
                return (String(text[..<index]), String(text[text.utf8.index(after: index)...]))
            default: break
            }
        }
        // If a bracket is never closed: at the first one.
        guard let index = text.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        return (String(text[..<index]), String(text[text.utf8.index(after: index)...]))
    }
}

/// Replay options for hubs of ASP.NET Core.
struct CoreReplayArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Hub protocols that every envelope must contain, such as json,messagepack. A missing frame is created from \
            the other one if that has only null, booleans, numbers, strings and arrays. Envelopes with other values are \
            not published.
            """, valueName: "names"))
    var protocols: ProtocolsArgument?

    @Flag(
        help: """
            With --protocols, also convert objects, bytes, dates and inexact numbers: member names stay, bytes become \
            Base64, dates become strings.
            """)
    var allowUntyped = false

    @Option(
        help: ArgumentHelp(
            """
            Also publish this kind, which is meaningless at another Redis: connection, group_command, ack, result, \
            client_result, ping (of run --ping), or all. Repeat it for more.
            """, valueName: "kind"))
    var include: [IncludeArgument] = []

    func validate() throws {
        guard !allowUntyped || protocols != nil else {
            throw ValidationError("--allow-untyped: nothing is converted without --protocols")
        }
    }

    func options(prefixMap: OrdinalNameMap<String>) -> CoreReplayOptions {
        CoreReplayOptions(
            prefixMap: prefixMap, included: include.reduce(into: []) { $0.formUnion($1.kinds) },
            protocols: protocols?.protocols ?? [], allowsUntyped: allowUntyped)
    }
}

/// `json,messagepack`.
struct ProtocolsArgument: ExpressibleByArgument {
    let protocols: [CoreFormat]

    init?(argument: String) {
        var protocols: [CoreFormat] = []
        for name in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let format = CoreFormat.allCases.first(where: { $0.name == name.lowercased() }) else { return nil }
            if !protocols.contains(format) { protocols.append(format) }
        }
        self.protocols = protocols
    }
}

/// `connection`, `group_command`, ..., `all`.
struct IncludeArgument: ExpressibleByArgument {
    static let allValueStrings = CoreLeftOut.allCases.map(\.rawValue) + ["all"]

    let kinds: Set<CoreLeftOut>

    init?(argument: String) {
        if argument == "all" {
            kinds = Set(CoreLeftOut.allCases)
        } else {
            guard let kind = CoreLeftOut(rawValue: argument) else { return nil }
            kinds = [kind]
        }
    }
}
