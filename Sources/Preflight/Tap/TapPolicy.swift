package import Redis

/// Whether and how a relay reads the replication stream of its Redis instead of subscribing.
package struct TapPolicy: Sendable, Equatable {
    /// What it may cost the server, and which objections are overridden.
    package var limits: TapLimits
    /// Whether the relay runs by subscription where the stream is refused; otherwise it fails.
    package var mayFallBack: Bool

    /// - Parameters: as the properties of the same names.
    package init(limits: TapLimits = TapLimits(), mayFallBack: Bool = false) {
        self.limits = limits
        self.mayFallBack = mayFallBack
    }
}
