import ArgumentParser

/// Where envelopes go, and to which hub.
struct MappingOptions: ParsableArguments {
    @Option(help: "Publish everything on this event key of the target.")
    var toChannel: String?

    @Option(help: "Publish what was captured on one event key on another, old=new; give it again for more.")
    var mapChannel: [String] = []

    @Option(help: "Give a hub another name, old=new, in calls and signals; give it again for more.")
    var mapHub: [String] = []

    func validate() throws {
        if toChannel?.isEmpty == true { throw ValidationError("--to-channel: name an event key") }
        _ = try Self.pairs(mapChannel, option: "--map-channel")
        _ = try Self.pairs(mapHub, option: "--map-hub")
    }

    var channels: [String: String] {
        get throws { try Self.pairs(mapChannel, option: "--map-channel") }
    }

    /// Hub names in lower case, as nodes compare them.
    var hubs: [String: String] {
        get throws {
            let pairs = try Self.pairs(mapHub, option: "--map-hub")
            return Dictionary(pairs.map { ($0.key.lowercased(), $0.value) }) { first, _ in first }
        }
    }

    private static func pairs(_ texts: [String], option: String) throws -> [String: String] {
        var pairs: [String: String] = [:]
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw ValidationError("\(option): '\(text)' names no two; write old=new")
            }
            guard pairs.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw ValidationError("\(option): '\(parts[0])' is mapped twice")
            }
        }
        return pairs
    }
}
