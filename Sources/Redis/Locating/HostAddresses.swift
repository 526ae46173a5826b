#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What addresses this machine has, and what it makes of names.
package struct HostAddresses {
    /// Of this machine's interfaces.
    package let own: Set<String>

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

    /// The numeric addresses of a name, asked of the resolver: waits for it. Empty if nobody knows it.
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
        // A link-local address has the interface behind a percent sign.
        let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: "%").first.map(String.init)
    }
}
