/// The address of a node's hubs, parsed: `http://host:port/signalr`.
package struct NodeURL: Equatable, Sendable, CustomStringConvertible {
    /// Whether the scheme is `https` or `wss`.
    package let isTLS: Bool
    /// Without the brackets of an IPv6 address.
    package let host: String
    /// 443 with TLS, otherwise 80, if the text has none.
    package let port: Int
    /// Begins with a slash and does not end in one; may be empty.
    package let path: String

    /// - Parameter text: scheme `http`, `https`, `ws` or `wss`; port and path may be missing.
    /// - Throws: ``SignalRClientError/badURL(_:)``.
    package init(_ text: String) throws(SignalRClientError) {
        guard let separator = text.firstRange(of: "://") else { throw .badURL(text) }
        switch text[..<separator.lowerBound].lowercased() {
        case "http", "ws": isTLS = false
        case "https", "wss": isTLS = true
        default: throw .badURL(text)
        }
        let rest = text[separator.upperBound...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let (host, port) = Self.authority(rest[..<slash]), !rest.contains(where: { "?#@ ".contains($0) }) else {
            throw .badURL(text)
        }
        self.host = host
        self.port = port ?? (isTLS ? 443 : 80)
        var path = rest[slash...]
        while path.last == "/" { path = path.dropLast() }
        self.path = String(path)
    }

    private static func authority(_ text: Substring) -> (host: String, port: Int?)? {
        let host: Substring
        let rest: Substring
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<colon]
            rest = text[colon...]
        }
        guard !host.isEmpty else { return nil }
        if rest.isEmpty { return (String(host), nil) }
        guard rest.first == ":", let port = Int(rest.dropFirst()), (1...65_535).contains(port) else { return nil }
        return (String(host), port)
    }

    /// `host:port` for the `Host` header and for errors.
    package var authority: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    /// The URL without its path.
    var origin: String { "\(isTLS ? "https" : "http")://\(authority)" }

    package var description: String { "\(origin)\(path)" }
}

/// A client's request to a node; the raw value is the last component of the path.
enum NodeRequest: String {
    case negotiate, connect, reconnect, poll, start, send, abort
}
