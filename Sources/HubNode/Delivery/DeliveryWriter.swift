import NIOCore
import Prometheus

/// Writes what waits for a client to its transport. Written once for both generations; what a frame looks like is the
/// codec's (``ClientCodec``).
///
/// A class, as a socket that fails calls the broker before the write returns: nothing here is accessed meanwhile.
final class DeliveryWriter {
    private let metrics: HubMetrics
    /// Names a client's groups to it, in the way of its protocol.
    private let groupsToken: (Session) -> String
    /// Those that have been written to since the last flush: a webSocket gets what one read brought in one piece.
    private var unflushed: [Session] = []

    /// - Parameter groupsToken: what a client is told when its groups have changed.
    init(metrics: HubMetrics, groupsToken: @escaping (Session) -> String) {
        self.metrics = metrics
        self.groupsToken = groupsToken
    }

    /// Sends what waits, as far as the transport takes it.
    func pump(_ session: Session) {
        guard session.isInitialized || session.outbox.reconnect else { return }
        while !session.outbox.isIdle, session.outlet?.isReady == true {
            let frame = session.outbox.nextFrame(messages: session.transport.messagesPerFrame) {
                groupsToken(session)
            }
            send(session.codec.encoded(frame), messages: frame.messages.count, to: session)
        }
    }

    /// Answers a poll that found nothing.
    func sendNothing(to session: Session) {
        send(session.codec.encoded(Frame(cursor: session.outbox.cursor)), messages: 0, to: session)
    }

    private func send(_ frame: EncodedFrame, messages: Int, to session: Session) {
        give(.frame(frame), to: session)
        session.hasCurrentCursor = true
        session.lastActive = .now()
        metrics.delivered.increment(by: messages)
    }

    /// As ``send(_:messages:to:)``, but a webSocket waits for the end of the read with it, unless much waits already; and
    /// the caller counts.
    func write(_ frame: EncodedFrame, to session: Session, at now: NIODeadline) {
        session.hasCurrentCursor = true
        session.lastActive = now
        // As in ``give(_:to:)``.
        let line = session.outlet?.line
        guard case .webSocket(let line) = line else { return give(.frame(frame), to: session) }
        line.write(frame)
        if !line.isWritable {
            // It is full because nothing was flushed, not because the client is slow.
            line.flush()
        } else if !session.isUnflushed {
            session.isUnflushed = true
            unflushed.append(session)
        }
    }

    /// Of what came with one read, this was all.
    func flush() {
        let sessions = unflushed
        unflushed.removeAll(keepingCapacity: true)
        for session in sessions {
            session.isUnflushed = false
            // No access to the session is held meanwhile, see ``give(_:to:)``.
            let line = session.outlet?.line
            if case .webSocket(let line) = line { line.flush() }
        }
    }

    func give(_ delivery: Outlet.Delivery, to session: Session) {
        // No access to the session is held while a socket is written or closed: a socket that fails calls the broker's
        // ``MessageBroker/closed(connectionID:outlet:)`` before it returns.
        let line = session.outlet?.line
        if case .end = delivery {
            session.outlet = nil
        } else if case .pull = line {
            session.outlet?.line = .pull(waiting: nil)
        }
        switch line {
        case .webSocket(let line): line.send(delivery)
        case .pull(let waiting): waiting?.resume(returning: delivery)
        case nil: break
        }
    }
}
