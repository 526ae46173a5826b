import Capture
import Logging
import NIOCore
import Time

/// Tells a ``RelaySupervisor`` that the relay lives, as long as its threads do.
struct Supervision: Sendable {
    /// A recorder thread that has not gone round for this long hangs in the disk.
    private static let longestSilence: UInt64 = 20_000_000_000

    let supervisor: any RelaySupervisor
    let status: RelayStatus
    let eventLoop: any EventLoop
    let logger: Logger

    /// Until the task is cancelled.
    func run() async {
        guard let interval = supervisor.heartbeatInterval else { return }
        while !Task.isCancelled {
            // A loop that hangs never answers, and then nobody is told that we live.
            try? await eventLoop.submit {}.get()
            let silence = status.silence(at: .now())
            if silence < Self.longestSilence {
                supervisor.alive(state: status.notReadyReason ?? "ready")
            } else {
                logger.error(
                    "the recorder thread hangs; the disk does not answer",
                    metadata: ["seconds": "\(silence / 1_000_000_000)"])
            }
            // Cancelled while waiting: the loop's condition ends it.
            try? await Task.sleep(for: interval)
        }
    }
}
