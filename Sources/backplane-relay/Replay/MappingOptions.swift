import ArgumentParser
import Backplane

/// Where envelopes go, and to which hub.
struct MappingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Publish everything on this event key of the target.", valueName: "key"))
    var toChannel: String?

    @Option(
        help: ArgumentHelp(
            "Publish what was captured on one event key on another. Repeat it for more.", valueName: "old=new"))
    var mapChannel: [String] = []

    @Option(help: ArgumentHelp("Rename a hub in calls and signals. Repeat it for more.", valueName: "old=new"))
    var mapHub: [String] = []

    func validate() throws {
        if toChannel?.isEmpty == true { throw ValidationError("--to-channel: name an event key") }
        _ = try Self.pairs(mapChannel, option: "--map-channel")
        _ = try Self.pairs(mapHub, option: "--map-hub")
    }

    var channels: OrdinalNameMap<String> {
        get throws { try Self.pairs(mapChannel, option: "--map-channel") }
    }

    /// To nodes hub names that differ in case are one.
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

    private static func pairs(_ texts: [String], option: String) throws -> OrdinalNameMap<String> {
        var pairs: OrdinalNameMap<String> = [:]
        for text in texts {
            // By bytes: to a character, a combining mark behind the sign would belong to it.
            let parts = text.utf8.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                .map { String(Substring($0)) }
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw ValidationError("\(option): '\(text)' is not a pair; write old=new")
            }
            guard pairs.updateValue(parts[1], forKey: parts[0]) == nil else {
                throw ValidationError("\(option): '\(parts[0])' is mapped twice")
            }
        }
        return pairs
    }
}
