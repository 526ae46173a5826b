import HTTPGuard

/// The field `token` of a form as browsers send it (`application/x-www-form-urlencoded`).
enum FormToken {
    /// - Returns: without blanks around it, as the file's content is read; empty if there is none.
    static func value(in form: String) -> String {
        for field in form.split(separator: "&") where field.hasPrefix("token=") {
            return trimmed(Array(FormText.decoded(field.utf8.dropFirst("token=".utf8.count)).utf8))
        }
        return ""
    }

    private static func trimmed(_ bytes: [UInt8]) -> String {
        let isBlank = { (byte: UInt8) in " \t\r\n".utf8.contains(byte) }
        let start = bytes.drop(while: isBlank)
        let end = start.lastIndex { !isBlank($0) }.map { start[...$0] } ?? []
        return String(decoding: end, as: UTF8.self)
    }
}
