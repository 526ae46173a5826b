package import HTTPTypes
package import Hummingbird
package import NIOCore

extension Response {
    /// A file of a page that is part of the program. Browsers ask each time whether it has changed, and never take it
    /// for another type.
    ///
    /// - Parameters:
    ///   - type: value of `Content-Type`.
    ///   - policy: value of `Content-Security-Policy`; nil for a file that is not a page itself.
    package init(page text: ByteBuffer, type: String, status: HTTPResponse.Status = .ok, policy: String? = nil) {
        var headers: HTTPFields = [.contentType: type, .cacheControl: "no-cache", .xContentTypeOptions: "nosniff"]
        headers[.contentSecurityPolicy] = policy
        self.init(status: status, headers: headers, body: ResponseBody(byteBuffer: text))
    }
}

/// Text within HTML.
package enum HTMLText {
    /// The same text as HTML, within an element or a quoted attribute.
    package static func escaped(_ text: some StringProtocol) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
