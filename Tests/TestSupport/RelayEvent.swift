import Foundation

/// The parts of a `relay.events` object that tests use, decoded independently of the product's code.
package struct RelayEvent: Decodable, Equatable, Sendable {
    package var event: String
    package var channel: String?
    package var from: UInt64?
    package var to: UInt64?
    package var cause: String?
    package var reason: String?
    package var envelopes: Int?

    package init(
        event: String, channel: String? = nil, from: UInt64? = nil, to: UInt64? = nil, cause: String? = nil,
        reason: String? = nil, envelopes: Int? = nil
    ) {
        self.event = event
        self.channel = channel
        self.from = from
        self.to = to
        self.cause = cause
        self.reason = reason
        self.envelopes = envelopes
    }

    package static func all(in messages: [MCAPMessage]) throws -> [RelayEvent] {
        try messages.filter(\.isEvent).map { try JSONDecoder().decode(RelayEvent.self, from: $0.data) }
    }
}

extension RelayEvent: CustomStringConvertible {
    package var description: String {
        let ids = from.map { " \($0)..\(to ?? $0)" } ?? ""
        return "\(event)\(ids) \(cause ?? reason ?? "")" + (envelopes.map { " of \($0)" } ?? "")
    }
}
