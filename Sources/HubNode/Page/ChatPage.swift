import Hummingbird
import NIOCore

/// The chat page and its files, embedded in the program.
struct ChatPage: Sendable {
    struct File: Sendable {
        let contentType: String
        let content: ByteBuffer

        var response: Response {
            Response(
                status: .ok,
                headers: [
                    .contentType: contentType, .cacheControl: "no-cache", .xContentTypeOptions: "nosniff",
                    .contentSecurityPolicy:
                        "default-src 'self'; connect-src 'self' ws: wss: http: https:; base-uri 'none'; frame-ancestors 'none'",
                ], body: ResponseBody(byteBuffer: content))
        }
    }

    /// By path.
    let files: [String: File]

    init(configuration: HubNodeConfiguration) {
        let html = EmbeddedText.chat_html.description
            // Relative to the page, because a proxy may add a prefix.
            .replacing("{{path}}", with: Self.escaped(String(configuration.path.drop { $0 == "/" })))
            .replacing("{{node}}", with: Self.escaped(configuration.name))
            .replacing("{{channel}}", with: Self.escaped(configuration.channel))
        files = [
            "/": File(contentType: "text/html; charset=utf-8", content: ByteBuffer(string: html)),
            "/chat.css": File(
                contentType: "text/css; charset=utf-8", content: ByteBuffer(staticString: EmbeddedText.chat_css)),
            "/chat.js": File(
                contentType: "text/javascript; charset=utf-8", content: ByteBuffer(staticString: EmbeddedText.chat_js)),
            "/signalr.js": File(
                contentType: "text/javascript; charset=utf-8",
                content: ByteBuffer(staticString: EmbeddedText.signalr_js)),
        ]
    }

    private static func escaped(_ text: String) -> String {
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
