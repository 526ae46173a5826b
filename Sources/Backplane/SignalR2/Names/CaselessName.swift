/// A name compared like hubs, methods and signals on real nodes: .NET's `OrdinalIgnoreCase`.
///
/// Each UTF-16 code unit is replaced by its upper case (``OrdinalCase``), without normalization: `É` equals `é`, but
/// not `E` with a combining accent; `ß` does not equal `ss`, and the Kelvin sign does not equal `k`.
package struct CaselessName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// UTF-8, in upper case.
    let folded: [UInt8]

    /// A name as it is written.
    package init(_ name: some StringProtocol) {
        var name = String(name)
        folded = name.withUTF8 { OrdinalCase.folded(UnsafeRawBufferPointer($0)) }
    }

    /// - Parameter name: UTF-8; malformed parts count as U+FFFD.
    package init(_ name: UnsafeRawBufferPointer) {
        folded = OrdinalCase.folded(name)
    }

    package init(stringLiteral name: String) {
        self.init(name)
    }

    /// In upper case.
    package var description: String { String(decoding: folded, as: UTF8.self) }
    /// Size of the upper case in UTF-8.
    package var byteCount: Int { folded.count }

    package func hash(into hasher: inout Hasher) {
        folded.withUnsafeBytes { hasher.combine(bytes: $0) }
        hasher.combine(UInt8.max)
    }

    /// Does not allocate for ASCII.
    package func equals(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard OrdinalCase.isASCII(bytes) else { return folded == OrdinalCase.folded(bytes) }
        guard bytes.count == folded.count else { return false }
        for index in folded.indices where OrdinalCase.uppercased(ascii: bytes[index]) != folded[index] { return false }
        return true
    }

    /// - Parameters:
    ///   - json: the name as written in JSON.
    ///   - decoded: the decoded name; evaluated only if the JSON has escapes, which is rare.
    package func equals(_ json: UnsafeRawBufferPointer, decoded: @autoclosure () -> String) -> Bool {
        guard json.contains(UInt8(ascii: "\\")) else { return equals(json) }
        return self == CaselessName(decoded())
    }

    package func equals(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { equals(UnsafeRawBufferPointer($0)) }
    }
}
