import Backplane
import Logging
import NIOCore
import Prometheus

/// Timed actions: what is due for each client, and after a gap of the backplane.
extension CoreBroker {
    /// Checks for silent and dead connections; call about once a second.
    func tick(at now: NIODeadline = .now()) {
        groupCommands.expire(at: now)
        for client in clients.all {
            if let number = client.stateful?.dueAck() { send(.ack(number), to: client) }
            switch client.due(at: now, settings.timing) {
            case nil: break
            case .removal: remove(client)
            case .handshakeFailure: refuse(client, .canceled)
            case .timeout:
                close(
                    client,
                    error: errors.closing(
                        "OperationCanceledException: Client hasn't sent a message/ping within the configured ClientTimeoutInterval."
                    ), allowReconnect: true)
            case .emptyPoll: writer.sendNothing(to: client.session)
            case .ping: send(.ping, to: client)
            }
        }
        for token in gapClosings.take(at: now) {
            guard let client = clients[token: token], !client.isOver else { continue }
            metrics.coreGapDisconnects.increment()
            close(client, error: errors.closing("Messages of the backplane were missed."), allowReconnect: true)
        }
    }

    /// The subscription was lost and restored: clients missed what was published meanwhile; how much is unknown.
    ///
    /// - Parameter length: how long it was lost.
    func noteGap(_ length: TimeAmount, at now: NIODeadline) {
        metrics.coreGaps.increment()
        let connected = clients.connected
        let seconds = Double(length.nanoseconds) * 1e-9
        logger.warning(
            "the backplane could not be read for a while: clients missed what was published meanwhile",
            metadata: [
                "hub": "\(hub.name)", "seconds": "\((seconds * 1000).rounded() / 1000)",
                "clients": "\(connected.count)", "closed": "\(settings.reconnectsAfterGap)",
            ])
        guard settings.reconnectsAfterGap else { return }
        gapClosings.add(connected.map(\.token), at: now, over: TimeAmount(settings.timing.gapSpread))
    }
}
