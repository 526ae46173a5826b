import Foundation

/// What a test looks for in an object of `relay.events`, decoded apart from our own code.
struct RelayEvent: Decodable, Equatable {
    var event: String
    var channel: String?
    var from: UInt64?
    var to: UInt64?
    var cause: String?
    var reason: String?
    var envelopes: Int?

    static func all(in messages: [MCAPMessage]) throws -> [RelayEvent] {
        try messages.filter(\.isEvent).map { try JSONDecoder().decode(RelayEvent.self, from: $0.data) }
    }
}
