/// The field `token` of a form as browsers send it (`application/x-www-form-urlencoded`).
enum FormToken {
    /// - Returns: without blanks around it, as the file's content is read; empty if there is none.
    static func value(in form: String) -> String {
        for field in form.split(separator: "&") where field.hasPrefix("token=") {
            return trimmed(decoded(field.dropFirst("token=".count)))
        }
        return ""
    }

    private static func decoded(_ text: Substring) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"):
                bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%") where rest.count >= 2:
                guard let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                    bytes.append(byte)
                    continue
                }
                bytes.append(code)
                rest = rest.dropFirst(2)
            default:
                bytes.append(byte)
            }
        }
        return bytes
    }

    private static func trimmed(_ bytes: [UInt8]) -> String {
        let isBlank = { (byte: UInt8) in " \t\r\n".utf8.contains(byte) }
        let start = bytes.drop(while: isBlank)
        let end = start.lastIndex { !isBlank($0) }.map { start[...$0] } ?? []
        return String(decoding: end, as: UTF8.self)
    }
}
