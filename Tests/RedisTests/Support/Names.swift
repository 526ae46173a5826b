@testable import Redis

extension NameIndex {
    init(_ names: [String]) { self.init(names.map { Array($0.utf8) }) }
}

extension SubscribedName {
    static func plain(_ channels: [String]) -> [SubscribedName] {
        channels.enumerated().map { SubscribedName(channel: $1, index: $0) }
    }
}

extension RESPReader {
    /// - Parameter channels: empty for a command connection.
    init(channels: [String], longestElement: Int = 1 << 30) {
        self.init(names: channels.isEmpty ? nil : SubscribedName.plain(channels), longestElement: longestElement)
    }
}

extension SubscriberHandshake {
    init(configuration: RedisConfiguration, credentials: RedisCredentials?, endpoint: String, channels: [String]) {
        self.init(
            configuration: configuration, credentials: credentials, endpoint: endpoint,
            names: SubscribedName.plain(channels).map(\.key))
    }
}

extension MessageHeader {
    /// `<channel>|<bytes of the payload>|`
    static let readable = MessageHeader(
        count: { $0 + 2 + String($1).utf8.count },
        write: { channel, payloadCount, destination in
            let text = Array(channel) + Array("|\(payloadCount)|".utf8)
            destination.copyMemory(from: text, byteCount: text.count)
        })
}
