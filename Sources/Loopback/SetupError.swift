package import Redis

/// An error that prevents a demo or check; states the problem and the remedy.
package struct SetupError: Error, Sendable, CustomStringConvertible {
    /// The setting to change.
    package enum Setting: Sendable {
        case listenAddress
        case directory
        /// The addresses of running nodes.
        case nodes
        case connection([ConnectionSetting])
    }

    package let description: String
    /// The setting to change; nil if none would help.
    package let setting: Setting?
    /// The underlying error of a client.
    package let cause: (any Error)?

    /// - Parameters:
    ///   - description: the problem and the remedy, as a sentence.
    ///   - cause: the error of a client behind it.
    ///   - setting: the setting to change, so that a command can name its option.
    package init(_ description: String, cause: (any Error)? = nil, setting: Setting? = nil) {
        self.description = description
        self.setting = setting
        self.cause = cause
    }
}
