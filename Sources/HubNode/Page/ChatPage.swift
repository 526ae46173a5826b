import HTTPGuard
import Hummingbird
import NIOCore

/// The chat page and its files, embedded in the program.
struct ChatPage: Sendable {
    struct File: Sendable {
        let contentType: String
        let content: ByteBuffer

        var response: Response {
            Response(
                page: content, type: contentType,
                policy:
                    "default-src 'self'; connect-src 'self' ws: wss: http: https:; base-uri 'none'; frame-ancestors 'none'"
            )
        }
    }

    /// By path.
    let files: [String: File]

    init(configuration: HubNodeConfiguration) {
        let html = EmbeddedText.chat_html.description
            // Relative to the page, because a proxy may add a prefix.
            .replacing("{{path}}", with: HTMLText.escaped(String(configuration.path.drop { $0 == "/" })))
            .replacing("{{node}}", with: HTMLText.escaped(configuration.name))
            .replacing("{{channel}}", with: HTMLText.escaped(configuration.channel))
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
}
