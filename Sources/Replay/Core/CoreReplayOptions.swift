package import Backplane

/// Options for hubs of ASP.NET Core.
package struct CoreReplayOptions: Sendable, Equatable {
    /// The target's channel prefix by captured prefix.
    package var prefixMap: OrdinalNameMap<String>
    /// Kinds of envelopes to publish although they are meaningless at the target.
    package var included: Set<CoreLeftOut>
    /// Protocols that each envelope must have: missing frames are converted from existing ones. Empty: envelopes stay
    /// unchanged.
    package var protocols: [CoreFormat]
    /// Also convert values without a certain equivalent in the other protocol.
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

    /// Part of ``ReplayOptions/fingerprint``: empty by default, so that older checkpoints remain valid.
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
