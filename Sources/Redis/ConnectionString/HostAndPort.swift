import NIOCore

/// `host`, `host:port`, `[::1]:port`.
struct HostAndPort: Equatable {
    private static let hostStoppers = Set(",;=@/?#[]\"'`\\<>|&$!*(){}".utf8)

    let host: String
    let port: Int?

    init(_ text: Substring) throws(ConnectionStringError) {
        let host: Substring
        var port: Substring?
        if text.first == "[" {
            guard let close = text.firstIndex(of: "]") else {
                throw ConnectionStringError(
                    "an IPv6 address is written in brackets, [::1]:6379; the closing bracket is missing")
            }
            host = text[text.index(after: text.startIndex)..<close]
            let after = text[text.index(after: close)...]
            guard after.isEmpty || after.first == ":" else {
                throw ConnectionStringError("only :port may follow the IPv6 address in brackets")
            }
            port = after.isEmpty ? nil : after.dropFirst()
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
            guard !host.contains(":") else {
                throw ConnectionStringError("an IPv6 address is written in brackets, [::1]:6379")
            }
        } else {
            host = text
        }
        guard !host.isEmpty else {
            throw ConnectionStringError("the host name is missing; write host:6379")
        }
        // If the two notations are mixed up, options or a login end up here. The host is printed, but they must not be.
        guard !host.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || Self.hostStoppers.contains($0) }) else {
            throw ConnectionStringError(
                "the host name contains a character that is not allowed there (such as a space or , ; = @ / ? #); options follow host:port without redis:// (host:6379,ssl=true), and a login needs redis:// before it (redis://user:password@host:6379)"
            )
        }
        self.host = String(host)
        guard let port else {
            self.port = nil
            return
        }
        guard let number = Int(port), (1...65535).contains(number) else {
            throw ConnectionStringError("the port must be a number from 1 to 65535, such as host:6379")
        }
        self.port = number
    }

    private init(ipv6 host: String) {
        self.host = host
        port = nil
    }

    /// As in StackExchange.Redis: an IPv6 address needs no brackets without a port, and port 0 means none.
    static func stackExchange(_ text: String) throws(ConnectionStringError) -> HostAndPort {
        if text.contains(":"), !text.hasPrefix("["), let address = try? SocketAddress(ipAddress: text, port: 0),
            address.protocol == .inet6
        {
            return HostAndPort(ipv6: text)
        }
        let end = text.hasSuffix(":0") ? text.index(text.endIndex, offsetBy: -2) : text.endIndex
        return try HostAndPort(text[..<end])
    }

    func endpoint(defaultPort: Int) -> RedisEndpoint {
        .tcp(host: host, port: port ?? defaultPort)
    }
}
