/// Is told of a relay's life, for whoever watches over the process: systemd, for instance.
package protocol RelaySupervisor: Sendable {
    /// How often ``alive(state:)`` is wanted; nil for never.
    var heartbeatInterval: Duration? { get }
    /// The relay serves its HTTP surface and tries to subscribe.
    func started()
    /// The recorder thread and the subscription's event loop both answer.
    ///
    /// - Parameter state: how the relay is, in a few words.
    func alive(state: String)
}
