import ArgumentParser
import Backplane
import Replay

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
            client_result, or all. Repeat it for more.
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
