#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The place an address refers to, to compare different spellings: decision logic without I/O.
package struct ServerPlace: Equatable {
    /// Numeric addresses and names; `machine:` and a name for the machine of a local address.
    private let hosts: Set<String>
    /// Or the path of a unix domain socket.
    private let port: String

    /// - Parameters:
    ///   - endpoint: `host:port`, IPv6 addresses in brackets, or `unix:/path`.
    ///   - machine: name of the connecting machine, to which a loopback address refers.
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

    /// Whether both refer to the same server according to their names and addresses.
    package func isSame(as other: ServerPlace) -> Bool {
        port == other.port && !hosts.isDisjoint(with: other.hosts)
    }

    private static func isLoopback(_ address: String) -> Bool {
        address.hasPrefix("127.") || address == "::1"
    }
}

/// The addresses of this machine, and name resolution.
package struct HostAddresses {
    /// Addresses of this machine's interfaces.
    package let own: Set<String>

    /// Queries the kernel; empty on failure.
    package static func current() -> HostAddresses {
        var own: Set<String> = []
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return HostAddresses(own: []) }
        defer { freeifaddrs(first) }
        var next = first
        while let entry = next {
            if let address = entry.pointee.ifa_addr, let text = text(of: address) { own.insert(text) }
            next = entry.pointee.ifa_next
        }
        return HostAddresses(own: own)
    }

    /// The numeric addresses of a name from the resolver; blocks. Empty if unknown.
    package static func resolve(_ name: String) -> Set<String> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        var found: Set<String> = []
        var next = first
        while let entry = next {
            if let address = entry.pointee.ai_addr, let text = text(of: address) { found.insert(text) }
            next = entry.pointee.ai_next
        }
        return found
    }

    private static func text(of address: UnsafePointer<sockaddr>) -> String? {
        let length: Int
        switch Int32(address.pointee.sa_family) {
        case AF_INET: length = MemoryLayout<sockaddr_in>.size
        case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
        default: return nil
        }
        var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard
            getnameinfo(address, socklen_t(length), &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST) == 0
        else { return nil }
        // A link-local address has its interface after a percent sign.
        let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: "%").first.map(String.init)
    }
}
