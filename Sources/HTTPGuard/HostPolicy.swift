#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The host names that a server answers to. Pure.
///
/// A server that listens only on a loopback address could be read by a web page through the user's browser, if the
/// page's domain resolves to 127.0.0.1 (DNS rebinding): the host name in the request reveals that.
package struct HostPolicy: Sendable {
    /// Every name; the address is not a loopback address.
    private let admitsAll: Bool
    private let allowed: Set<String>

    /// - Parameters:
    ///   - listenHost: the address that the server listens on.
    ///   - allowed: further names, in the form of ``name(of:)``.
    package init(listenHost: String, allowed: [String] = []) {
        admitsAll = !Self.isLoopback(listenHost)
        self.allowed = Set(allowed)
    }

    /// - Parameter authority: value of the `Host` header, or the host of the request target; nil if absent, which no
    ///   browser sends.
    package func admits(_ authority: String?) -> Bool {
        guard !admitsAll else { return true }
        guard let authority, let name = Self.name(of: authority) else { return false }
        return Self.isLoopback(name) || allowed.contains(name)
    }

    /// `localhost`, 127.0.0.0/8 or ::1, without a port.
    package static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" { return true }
        var four = in_addr()
        // Exactly four numbers: browsers treat other forms as names.
        if host.split(separator: ".", omittingEmptySubsequences: false).count == 4, inet_pton(AF_INET, host, &four) == 1
        {
            return UInt32(bigEndian: four.s_addr) >> 24 == 127
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, host, &six) == 1 else { return false }
        let bytes = withUnsafeBytes(of: six) { Array($0) }
        let isMapped = bytes.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] && bytes[12] == 127
        return isMapped || bytes == [UInt8](repeating: 0, count: 15) + [1]
    }

    /// The normalized name: lower case, without port, brackets, zone and trailing dot.
    ///
    /// - Returns: nil if it is invalid.
    package static func name(of authority: String) -> String? {
        let text = authority.lowercased()
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]"), isPort(text[text.index(after: end)...]) else { return nil }
            let address = text[text.index(after: text.startIndex)..<end].prefix { $0 != "%" }
            return address.isEmpty ? nil : String(address)
        }
        let colon = text.firstIndex(of: ":") ?? text.endIndex
        guard isPort(text[colon...]) else { return nil }
        var name = text[..<colon]
        if name.hasSuffix(".") { name.removeLast() }
        let isName = { (byte: UInt8) in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        return !name.isEmpty && name.utf8.allSatisfy(isName) ? String(name) : nil
    }

    /// Nothing, or a colon with an optional number.
    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty || (text.first == ":" && text.utf8.dropFirst().allSatisfy { (0x30...0x39).contains($0) })
    }
}
