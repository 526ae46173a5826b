import SignalRBackplane

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
    static func version(for clientProtocol: String?) -> String {
        let parts = (clientProtocol ?? "").split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let major = parts[0], let minor = parts[1], major >= 0, minor >= 0 else { return "1.2" }
        if (major, minor) < (1, 2) { return "1.2" }
        if (major, minor) > (2, 0) { return "2.0" }
        return "\(major).\(minor)"
    }

    /// As .NET writes a double: a whole number ends in `.0`.
    private func seconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return "\(Double(seconds) + Double(attoseconds) * 1e-18)"
    }
}
