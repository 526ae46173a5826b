/// A name that is compared as nodes compare names: upper and lower case are the same, here for ASCII letters.
struct CaselessName: Sendable {
    private let lowercase: [UInt8]

    init(_ name: String) {
        lowercase = name.utf8.map(Self.lowercased)
    }

    func equals(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count == lowercase.count else { return false }
        for index in lowercase.indices where Self.lowercased(bytes[index]) != lowercase[index] { return false }
        return true
    }

    /// - Parameters:
    ///   - json: how the name stands in JSON.
    ///   - decoded: the name; asked for only where the JSON has escapes, as hardly any does.
    func equals(_ json: UnsafeRawBufferPointer, decoded: @autoclosure () -> String) -> Bool {
        guard json.contains(UInt8(ascii: "\\")) else { return equals(json) }
        return decoded().utf8.elementsEqual(lowercase) { Self.lowercased($0) == $1 }
    }

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }
}
