import Logging
import NIOCore
import Prometheus
import Backplane

/// To the backplane: messages, and commands to whichever node owns a connection.
extension MessageBroker {
    /// Publishes one message in an envelope of its own.
    ///
    /// - Throws: ``CallFailure`` if Redis is not reached.
    func publish(_ message: Message) async throws {
        do {
            let id = try await bus.publish(message)
            metrics.published.increment()
            observer?.published(id: id, message: message)
        } catch {
            metrics.publishErrors.increment()
            throw error
        }
    }

    /// Has the owner of a connection change its groups.
    ///
    /// - Throws: ``CallFailure`` if it does not acknowledge in time.
    func command(_ type: CommandType, group: String, hub: String, connectionID: String) async throws {
        let command = Command(
            waitForAck: true, id: GUID.random(), type: type, value: Signal.group(hub: hub, group: group).key)
        let message = Message(command, to: connectionID)
        let acknowledged = await withCheckedContinuation { continuation in
            acknowledgements.add(command.id, until: .now() + TimeAmount(timing.acknowledgement), continuation)
            Task {
                do {
                    try await publish(message)
                } catch {
                    logger.warning("a group command could not be published", metadata: ["cause": "\(error)"])
                    acknowledgements.resolve(command.id, acknowledged: false)
                }
            }
        }
        guard acknowledged else {
            metrics.missingAcknowledgements.increment()
            throw CallFailure.unacknowledged
        }
    }

    /// Tells whichever node owns the connection to end it.
    func abort(connectionID: String) async throws {
        try await publish(
            Message(Command(waitForAck: false, id: GUID.random(), type: .abort), to: connectionID))
    }

    func publishLater(_ message: Message) {
        Task {
            do {
                try await publish(message)
            } catch {
                logger.warning("could not publish", metadata: ["cause": "\(error)"])
            }
        }
    }
}

extension Message {
    /// A command to whichever node owns the connection.
    init(_ command: Command, to connectionID: String) {
        self.init(
            source: connectionID, key: Signal.connection(connectionID).key, value: command.encoded(),
            commandID: command.id, waitForAck: command.waitForAck)
    }
}
