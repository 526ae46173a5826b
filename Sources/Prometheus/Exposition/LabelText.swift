/// The labels of one child as written between the braces: `channel="chat",kind="hub"`. Empty if there are none.
struct LabelText {
    private(set) var bytes: [UInt8] = []

    /// - Parameters:
    ///   - names: checked at registration.
    ///   - values: one per name; any Unicode text.
    init(_ names: [String], _ values: [String]) {
        for (name, value) in zip(names, values) {
            append(name, value)
        }
    }

    private mutating func append(_ name: String, _ value: String) {
        if !bytes.isEmpty {
            bytes.append(UInt8(ascii: ","))
        }
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: "=\"".utf8)
        bytes.appendEscaped(value, quotes: true)
        bytes.append(UInt8(ascii: "\""))
    }
}
