#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Under which names a server answers. Pure.
///
/// Where it listens on the loopback only, a page of the Internet whose name its owner lets point to 127.0.0.1 (DNS rebinding)
/// could read it by way of the browser of whoever sits there: the name in the request gives it away.
package struct HostPolicy: Sendable {
    /// Every name; the address is not the loopback.
    private let admitsAll: Bool
    private let allowed: Set<String>

    /// - Parameters:
    ///   - listenHost: the address that the server listens on.
    ///   - allowed: further names, as ``name(of:)`` gives them.
    package init(listenHost: String, allowed: [String] = []) {
        admitsAll = !Self.isLoopback(listenHost)
        self.allowed = Set(allowed)
    }

    /// - Parameter authority: a `Host` header's value, or the host of a request's target; nil if there is none, which no
    ///   browser sends.
    package func admits(_ authority: String?) -> Bool {
        guard !admitsAll else { return true }
        guard let authority, let name = Self.name(of: authority) else { return false }
        return Self.isLoopback(name) || allowed.contains(name)
    }

    /// `localhost`, 127.0.0.0/8 or ::1, as a name without a port.
    package static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" { return true }
        var four = in_addr()
        // Four numbers: what else some read as an address is a name to a browser.
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

    /// The name in it: in lower case, without port, brackets, zone and the dot at its end.
    ///
    /// - Returns: nil if it is none.
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

    /// Nothing, or a colon and a number; a colon alone is allowed.
    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty || (text.first == ":" && text.utf8.dropFirst().allSatisfy { (0x30...0x39).contains($0) })
    }
}
