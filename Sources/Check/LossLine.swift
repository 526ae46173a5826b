extension CheckOutcome {
    /// Names every loss by message, client and cause. Messages that missed the same clients for the same cause share a
    /// line.
    package var lossLines: [String] { LossLine.all(losses).map(\.description) }
}

/// Losses that have everything in common but their messages or clients.
struct LossLine: CustomStringConvertible {
    private let first: CheckLoss
    private var clients: [String]
    private var messages: [ClosedRange<Int>]

    init(_ loss: CheckLoss) {
        first = loss
        clients = [loss.client]
        messages = [loss.message...loss.message]
    }

    /// - Parameter losses: by message, then by client.
    static func all(_ losses: [CheckLoss]) -> [LossLine] {
        var ofMessages: [LossLine] = []
        for loss in losses {
            if let last = ofMessages.indices.last, ofMessages[last].isAbout(loss) {
                ofMessages[last].clients.append(loss.client)
            } else {
                ofMessages.append(LossLine(loss))
            }
        }
        var lines: [LossLine] = []
        var places: [Kind: Int] = [:]
        for line in ofMessages {
            if let place = places[line.kind] {
                lines[place].add(line.first.message)
            } else {
                places[line.kind] = lines.count
                lines.append(line)
            }
        }
        return lines
    }

    /// What lines must have in common to become one.
    private struct Kind: Hashable {
        let check: CheckStep
        let method: String
        let clients: [String]
        let cause: String
        /// Nil without ids: a message with an id has a line of its own.
        let message: Int?
    }

    private var kind: Kind {
        Kind(
            check: first.check, method: first.method, clients: clients, cause: first.cause,
            message: first.hasID ? first.message : nil)
    }

    private func isAbout(_ loss: CheckLoss) -> Bool {
        first.message == loss.message && first.node == loss.node && first.cause == loss.cause
    }

    private mutating func add(_ message: Int) {
        if let last = messages.last, last.upperBound + 1 == message {
            messages[messages.count - 1] = last.lowerBound...message
        } else {
            messages.append(message...message)
        }
    }

    var description: String {
        let numbers = messages.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)..\($0.upperBound)" }
        let noun = messages.count == 1 && messages[0].count == 1 ? "message" : "messages"
        let place = first.node + "/"
        let names =
            clients.count > 1 && clients.allSatisfy { $0.hasPrefix(place) }
            ? "\(first.node) (\(clients.map { $0.dropFirst(place.count) }.joined(separator: ", ")))"
            : clients.joined(separator: ", ")
        return
            "\(first.check.title): \(noun) \(numbers.joined(separator: ", ")) (\(first.method)\(first.identity)) did not reach \(names): \(first.cause)"
    }
}
