package import Backplane

/// What concerns hubs of ASP.NET Core in a replay.
package struct CoreReplayOptions: Sendable, Equatable {
    /// Captured channel prefix to the target's.
    package var prefixMap: OrdinalNameMap<String>
    /// Kinds of envelopes that are published though nobody at the target could use them.
    package var included: Set<CoreLeftOut>
    /// What each envelope has to carry: frames that it lacks are made of those that it has. None: envelopes stay as they are.
    package var protocols: [CoreFormat]
    /// Make frames also of values that have no certain equal in the other protocol.
    package var allowsUntyped: Bool

    package init(
        prefixMap: OrdinalNameMap<String> = [:], included: Set<CoreLeftOut> = [], protocols: [CoreFormat] = [],
        allowsUntyped: Bool = false
    ) {
        self.prefixMap = prefixMap
        self.included = included
        self.protocols = protocols
        self.allowsUntyped = allowsUntyped
    }

    /// As of ``ReplayOptions/fingerprint``: empty unless something is set, so that older checkpoints stay good.
    var fingerprint: String {
        var parts: [String] = []
        if !prefixMap.isEmpty {
            parts.append("prefixes " + prefixMap.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: ","))
        }
        if !included.isEmpty { parts.append("included " + included.map(\.rawValue).sorted().joined(separator: ",")) }
        if !protocols.isEmpty { parts.append("protocols " + protocols.map(\.name).sorted().joined(separator: ",")) }
        if allowsUntyped { parts.append("untyped") }
        return parts.map { "; " + $0 }.joined()
    }
}
