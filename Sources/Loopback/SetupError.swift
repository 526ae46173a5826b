package import Redis

/// Something that keeps a demo or check from being carried out; says what and what to do.
package struct SetupError: Error, Sendable, CustomStringConvertible {
    /// What may be set otherwise so that it works.
    package enum Setting: Sendable {
        case listenAddress
        case directory
        case connection([ConnectionSetting])
    }

    package let description: String
    package let setting: Setting?
    /// The error of a client of a node, where that is the reason.
    package let cause: (any Error)?

    package init(_ description: String, cause: (any Error)? = nil, setting: Setting? = nil) {
        self.description = description
        self.setting = setting
        self.cause = cause
    }
}
