/// Literal data from a server.
enum Wire {
    static func bulk(_ bytes: [UInt8]) -> [UInt8] {
        Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
    }

    static func bulk(_ text: String) -> [UInt8] { bulk(Array(text.utf8)) }

    static func message(_ channel: String, _ payload: [UInt8]) -> [UInt8] {
        Array("*3\r\n".utf8) + bulk("message") + bulk(channel) + bulk(payload)
    }

    static func message(_ channel: String, _ payload: String) -> [UInt8] { message(channel, Array(payload.utf8)) }

    /// The reply to SUBSCRIBE for one channel.
    static func confirmation(_ channel: String, count: Int = 1) -> [UInt8] {
        Array("*3\r\n".utf8) + bulk("subscribe") + bulk(channel) + Array(":\(count)\r\n".utf8)
    }

    /// The reply to PING on a subscribed connection.
    static let pong = Array("*2\r\n$4\r\npong\r\n$0\r\n\r\n".utf8)
}
