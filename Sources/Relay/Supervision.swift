import Capture
import Logging
import NIOCore
import Time

/// Is notified of a relay's state, for a process supervisor such as systemd.
package protocol RelaySupervisor: Sendable {
    /// Interval of ``alive(state:)``; nil for never.
    var heartbeatInterval: Duration? { get }
    /// The relay serves its HTTP surface on this port, and tries to subscribe.
    func started(port: Int)
    /// The recorder thread and the subscription's event loop both respond.
    ///
    /// - Parameter state: a short description of the state.
    func alive(state: String)
}

/// Only reports the port of the HTTP surface.
package struct OnListening: RelaySupervisor {
    private let body: @Sendable (_ port: Int) -> Void

    package init(_ body: @escaping @Sendable (_ port: Int) -> Void) { self.body = body }

    package var heartbeatInterval: Duration? { nil }
    package func started(port: Int) { body(port) }
    package func alive(state: String) {}
}

/// Notifies a ``RelaySupervisor`` that the relay is alive, while its threads respond.
struct Supervision: Sendable {
    /// A recorder thread whose loop has not run for this long hangs in a disk operation.
    private static let longestSilence: UInt64 = 20_000_000_000

    let supervisor: any RelaySupervisor
    let interval: Duration
    let context: RelayContext
    let eventLoop: any EventLoop

    /// Runs until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            // A hanging loop never responds, so no heartbeat is sent.
            try? await eventLoop.submit {}.get()
            let silence = context.status.silence(at: .now())
            if silence < Self.longestSilence {
                supervisor.alive(state: context.status.notReadyReason ?? "ready")
            } else {
                context.logger.error(
                    "the recorder thread hangs; the disk does not answer",
                    metadata: ["seconds": "\(silence / 1_000_000_000)"])
            }
            // On cancellation the loop condition ends it.
            try? await Task.sleep(for: interval)
        }
    }
}
