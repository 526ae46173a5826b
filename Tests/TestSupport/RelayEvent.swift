import Foundation

/// What a test looks for in an object of `relay.events`, decoded apart from our own code.
public struct RelayEvent: Decodable, Equatable, Sendable {
    public var event: String
    public var channel: String?
    public var from: UInt64?
    public var to: UInt64?
    public var cause: String?
    public var reason: String?
    public var envelopes: Int?

    public init(
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

    public static func all(in messages: [MCAPMessage]) throws -> [RelayEvent] {
        try messages.filter(\.isEvent).map { try JSONDecoder().decode(RelayEvent.self, from: $0.data) }
    }
}

extension RelayEvent: CustomStringConvertible {
    public var description: String {
        let ids = from.map { " \($0)..\(to ?? $0)" } ?? ""
        return "\(event)\(ids) \(cause ?? reason ?? "")" + (envelopes.map { " of \($0)" } ?? "")
    }
}
