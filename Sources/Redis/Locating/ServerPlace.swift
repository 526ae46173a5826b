/// Where an address leads, so that two spellings of one place can be told: decision logic without I/O.
package struct ServerPlace: Equatable {
    /// Numeric addresses and names, and `machine:` with a name for the machine that an address of its own leads to.
    private let hosts: Set<String>
    /// Or the path of a unix domain socket.
    private let port: String

    /// - Parameters:
    ///   - endpoint: `host:port`, IPv6 addresses in brackets, or `unix:/path`.
    ///   - machine: name of the machine that connects to it: what a loopback address means.
    ///   - here: name of this machine.
    ///   - own: numeric addresses of this machine.
    ///   - resolve: the numeric addresses of a name.
    package init?(
        endpoint: String, seenFrom machine: String, here: String, own: Set<String>, resolve: (String) -> Set<String>
    ) {
        if endpoint.hasPrefix("unix:") {
            hosts = ["machine:" + machine]
            port = endpoint
            return
        }
        guard let colon = endpoint.lastIndex(of: ":") else { return nil }
        port = String(endpoint[endpoint.index(after: colon)...])
        var name = endpoint[..<colon]
        if name.first == "[", name.last == "]" { name = name.dropFirst().dropLast() }
        let addresses = resolve(String(name))
        if name == "localhost" || Self.isLoopback(String(name)) || addresses.contains(where: Self.isLoopback) {
            hosts = ["machine:" + machine]
        } else {
            let isHere = !addresses.isDisjoint(with: own) || own.contains(String(name))
            hosts = addresses.union([String(name)]).union(isHere ? ["machine:" + here] : [])
        }
    }

    package func isSame(as other: ServerPlace) -> Bool {
        port == other.port && !hosts.isDisjoint(with: other.hosts)
    }

    private static func isLoopback(_ address: String) -> Bool {
        address.hasPrefix("127.") || address == "::1"
    }
}
