import NIOCore
import Prometheus

/// Writes pending frames of a client to its transport, for both generations; the codec (``ClientCodec``) determines the
/// format.
///
/// A class, because a failing socket calls the broker before the write returns: nothing here is accessed meanwhile.
final class DeliveryWriter {
    private let metrics: HubMetrics
    /// Encodes a client's groups in its protocol.
    private let groupsToken: (Session) -> String
    /// Sessions written to since the last flush: a webSocket gets the messages of one read in one piece.
    private var unflushed: [Session] = []

    /// - Parameter groupsToken: the token sent to a client whose groups have changed.
    init(metrics: HubMetrics, groupsToken: @escaping (Session) -> String) {
        self.metrics = metrics
        self.groupsToken = groupsToken
    }

    /// Sends pending frames, as far as the transport accepts them.
    func pump(_ session: Session) {
        guard session.isInitialized || session.outbox.reconnect else { return }
        while !session.outbox.isIdle, session.outlet?.isReady == true {
            let limit = session.codec.limit(session.transport)
            let frame = session.outbox.nextFrame(messages: limit.messages, bytes: limit.bytes) {
                groupsToken(session)
            }
            send(session.codec.encoded(frame), messages: frame.messages.count, to: session)
        }
    }

    /// Responds to a poll without messages.
    func sendNothing(to session: Session) {
        send(session.codec.encoded(Frame(cursor: session.outbox.cursor)), messages: 0, to: session)
    }

    private func send(_ frame: EncodedFrame, messages: Int, to session: Session) {
        give(.frame(frame), to: session)
        session.hasCurrentCursor = true
        session.lastActive = .now()
        metrics.delivered.increment(by: messages)
    }

    /// Like ``send(_:messages:to:)``, but for a webSocket the flush is deferred to the end of the read, unless much is
    /// pending; and the caller counts.
    func write(_ frame: EncodedFrame, to session: Session, at now: NIODeadline) {
        session.hasCurrentCursor = true
        session.lastActive = now
        // See ``give(_:to:)``.
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

    /// Called after the last message of a read.
    func flush() {
        let sessions = unflushed
        unflushed.removeAll(keepingCapacity: true)
        for session in sessions {
            session.isUnflushed = false
            // The session must not be accessed meanwhile, see ``give(_:to:)``.
            let line = session.outlet?.line
            if case .webSocket(let line) = line { line.flush() }
        }
    }

    func give(_ delivery: Outlet.Delivery, to session: Session) {
        // The session must not be accessed while a socket is written or closed: a failing socket calls the broker's
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
