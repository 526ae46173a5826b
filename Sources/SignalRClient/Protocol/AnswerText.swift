import JSON

/// Describes a response that does not come from a node.
enum AnswerText {
    /// Error pages are quoted up to this length.
    static let quotedCharacters = 200

    /// The body on one line: the title of a web page, or its text without tags.
    static func quote(_ bytes: some Collection<UInt8>) -> String {
        let text = String(decoding: bytes.prefix(16 * 1_024), as: UTF8.self)
        guard (text.first { !$0.isWhitespace }) == "<" else { return line(text) }
        return line(title(of: text) ?? withoutTags(text))
    }

    /// What kind of server responds like this to `/negotiate`, as far as can be determined. JSON is not quoted: it may
    /// contain a token.
    ///
    /// - Parameter json: the body, if it is JSON.
    static func kind(of bytes: some Collection<UInt8>, json: JSONTree?) -> String {
        guard !bytes.isEmpty else { return "its answer is empty" }
        guard let json else {
            let isPage = bytes.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "<")
            return isPage ? "it answers with a web page: \(quote(bytes))" : "it answers with text: \(quote(bytes))"
        }
        if json["url"] != nil || json["accessToken"] != nil || json["Url"] != nil && json["AccessToken"] != nil {
            return "it redirects clients to Azure SignalR Service, which does not use your backplane"
        }
        if json["negotiateVersion"] != nil || json["availableTransports"] != nil || json["connectionId"] != nil {
            return "it answers like ASP.NET Core SignalR, but this client speaks SignalR 2"
        }
        return "its JSON has no ConnectionId and ConnectionToken"
    }

    /// The usual meaning of a status from the server of a hub node, and the remedy; empty if the status is clear
    /// enough.
    static func remedy(status: Int, request: String) -> String {
        switch status {
        case 300..<400: "it redirects clients to another address: name that one, with its scheme"
        case 401:
            "it requires a login, and this client has none: allow access without a login, or name an address behind the login"
        case 403: "access is forbidden: see the rules of the proxy and the web server"
        case 404 where request == "/negotiate":
            "there is no hub at this path: is it right (/signalr, as in MapSignalR)?"
        case 405 where request == "/negotiate":
            "ASP.NET Core SignalR answers like this, but this client speaks SignalR 2: is it the right application?"
        case 421: "it does not answer to this host name: use the name that it answers to"
        case 502, 503, 504: "a proxy in front of it cannot reach it: is the node running?"
        case 500...: "its log says why"
        default: ""
        }
    }

    private static func line(_ text: String) -> String {
        String(text.split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(quotedCharacters))
    }

    private static func title(of page: String) -> String? {
        let folded = page.lowercased()
        // Case folding may change lengths; then the tags are removed instead.
        guard folded.utf8.count == page.utf8.count, let start = folded.firstRange(of: "<title>"),
            let end = folded[start.upperBound...].firstRange(of: "</title>")
        else { return nil }
        let utf8 = page.utf8
        func same(_ index: String.Index) -> String.Index {
            utf8.index(utf8.startIndex, offsetBy: folded.utf8.distance(from: folded.startIndex, to: index))
        }
        let (from, to) = (same(start.upperBound), same(end.lowerBound))
        let title = String(decoding: utf8[from..<to], as: UTF8.self)
        return title.contains { !$0.isWhitespace } ? title : nil
    }

    private static func withoutTags(_ page: String) -> String {
        var text = ""
        var isInTag = false
        for character in page {
            switch character {
            case "<": isInTag = true
            case ">":
                isInTag = false
                text.append(" ")
            default: if !isInTag { text.append(character) }
            }
        }
        return text
    }
}
