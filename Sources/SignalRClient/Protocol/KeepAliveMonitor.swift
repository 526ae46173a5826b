import NIOCore

/// Detects a dead transport. Polled occasionally instead of at each frame, so that a frame needs no timer.
///
/// Source: `HeartBeatMonitor.cs` of Microsoft.AspNet.SignalR.Client.
struct KeepAliveMonitor {
    enum Verdict: Equatable {
        /// Poll again at this time.
        case alive(until: NIODeadline)
        case dead
    }

    let timeout: TimeAmount
    private var lastReceived: NIODeadline

    init(timeout: TimeAmount, now: NIODeadline) {
        self.timeout = timeout
        lastReceived = now
    }

    mutating func received(at now: NIODeadline) {
        lastReceived = now
    }

    func verdict(at now: NIODeadline) -> Verdict {
        let end = lastReceived + timeout
        return now < end ? .alive(until: end) : .dead
    }
}
