import Backplane
import JSON

/// The answer to `negotiate`: everything a client must know before it opens a transport, in a real node's order.
struct Negotiation {
    let path: String
    let connectionToken: String
    let connectionID: String
    let clientProtocol: String?
    let timing: HubNodeTiming

    var json: String {
        var writer = JSONWriter()
        writer.raw(#"{"Url":"#)
        writer.string(path)
        writer.raw(#","ConnectionToken":"#)
        writer.string(connectionToken)
        writer.raw(#","ConnectionId":"#)
        writer.string(connectionID)
        // The client waits for two keep-alives before it worries.
        writer.raw(#","KeepAliveTimeout":\#(seconds(timing.keepAlive * 2))"#)
        writer.raw(#","DisconnectTimeout":\#(seconds(timing.disconnect))"#)
        writer.raw(#","ConnectionTimeout":\#(seconds(timing.longPoll)),"TryWebSockets":true,"ProtocolVersion":"#)
        writer.string(Self.version(for: clientProtocol))
        writer.raw(#","TransportConnectTimeout":\#(seconds(timing.transportConnect)),"LongPollDelay":0.0}"#)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The client's version, brought between 1.2 and 2.0; what is no version counts as 1.2.
    ///
    /// As .NET's `Version`: two to four numbers, of which a longer one is above a shorter one that it begins with.
    static func version(for clientProtocol: String?) -> String {
        let texts = (clientProtocol ?? "").utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let parts = texts.compactMap { DotNetInteger.int32(String(decoding: Array($0), as: UTF8.self)) }
        guard (2...4).contains(texts.count), parts.count == texts.count, parts.allSatisfy({ $0 >= 0 }) else {
            return "1.2"
        }
        if parts.lexicographicallyPrecedes([1, 2]) { return "1.2" }
        if ([2, 0] as [Int32]).lexicographicallyPrecedes(parts) { return "2.0" }
        return parts.map(String.init).joined(separator: ".")
    }

    /// As .NET writes a double: a whole number ends in `.0`.
    private func seconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return "\(Double(seconds) + Double(attoseconds) * 1e-18)"
    }
}
