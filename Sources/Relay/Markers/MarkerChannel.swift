import Preflight
import Redis

extension MarkerChannel {
    /// A new channel that no node and no other relay uses.
    static func random() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        let digits = String(generator.next(), radix: 16)
        return Array((beginning + String(repeating: "0", count: 16 - digits.count) + digits).utf8)
    }

    /// The transaction of a marker: the server's counts before it, and the marker itself.
    static func commands(_ number: UInt64, on channel: [UInt8]) -> [[RESPArgument]] {
        [
            ["INFO", "server"], ["INFO", "replication"], ["INFO", "commandstats"],
            ["PUBLISH", .bytes(channel), .text("\(number)")],
        ]
    }

    /// - Returns: nil if something else publishes there.
    static func number(_ payload: [UInt8]) -> UInt64? { UInt64(String(decoding: payload, as: UTF8.self)) }
}
