import Capture
import Logging
import NIOCore
import Time

/// Is told of a relay's life, for whoever watches over the process: systemd, for instance.
package protocol RelaySupervisor: Sendable {
    /// How often ``alive(state:)`` is wanted; nil for never.
    var heartbeatInterval: Duration? { get }
    /// The relay serves its HTTP surface, on this port, and tries to subscribe.
    func started(port: Int)
    /// The recorder thread and the subscription's event loop both answer.
    ///
    /// - Parameter state: how the relay is, in a few words.
    func alive(state: String)
}

/// Wants to know nothing but the port of the HTTP surface.
package struct OnListening: RelaySupervisor {
    private let body: @Sendable (_ port: Int) -> Void

    package init(_ body: @escaping @Sendable (_ port: Int) -> Void) { self.body = body }

    package var heartbeatInterval: Duration? { nil }
    package func started(port: Int) { body(port) }
    package func alive(state: String) {}
}

/// Tells a ``RelaySupervisor`` that the relay lives, as long as its threads do.
struct Supervision: Sendable {
    /// A recorder thread that has not gone round for this long hangs in the disk.
    private static let longestSilence: UInt64 = 20_000_000_000

    let supervisor: any RelaySupervisor
    let interval: Duration
    let context: RelayContext
    let eventLoop: any EventLoop

    /// Until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            // A loop that hangs never answers, and then nobody is told that we live.
            try? await eventLoop.submit {}.get()
            let silence = context.status.silence(at: .now())
            if silence < Self.longestSilence {
                supervisor.alive(state: context.status.notReadyReason ?? "ready")
            } else {
                context.logger.error(
                    "the recorder thread hangs; the disk does not answer",
                    metadata: ["seconds": "\(silence / 1_000_000_000)"])
            }
            // Cancelled while waiting: the loop's condition ends it.
            try? await Task.sleep(for: interval)
        }
    }
}
