import Backplane
import JSON

/// The response to `negotiate`: everything a client needs before it opens a transport, in a real node's order.
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
        // The client tolerates one missed keep-alive.
        writer.raw(#","KeepAliveTimeout":\#(seconds(timing.keepAlive * 2))"#)
        writer.raw(#","DisconnectTimeout":\#(seconds(timing.disconnect))"#)
        writer.raw(#","ConnectionTimeout":\#(seconds(timing.longPoll)),"TryWebSockets":true,"ProtocolVersion":"#)
        writer.string(Self.version(for: clientProtocol))
        writer.raw(#","TransportConnectTimeout":\#(seconds(timing.transportConnect)),"LongPollDelay":0.0}"#)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The client's version, clamped to 1.2 to 2.0; invalid versions count as 1.2.
    ///
    /// Like .NET's `Version`: two to four numbers; a longer version is greater than its prefix.
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

    /// As .NET formats a double: whole numbers end in `.0`.
    private func seconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return "\(Double(seconds) + Double(attoseconds) * 1e-18)"
    }
}
