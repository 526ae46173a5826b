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

    /// - Parameter core: the chat hub for clients of ASP.NET Core SignalR; nil if they are not served.
    init(configuration: HubNodeConfiguration, core: CoreHubs.Served?) {
        let html = EmbeddedText.chat_html.description
            .replacing(
                "{{path}}", with: configuration.joinsSignalR2 ? HTMLText.escaped(Self.relative(configuration.path)) : ""
            )
            .replacing("{{node}}", with: HTMLText.escaped(configuration.name))
            .replacing("{{channel}}", with: HTMLText.escaped(configuration.channel))
            .replacing("{{core-path}}", with: HTMLText.escaped(core.map { Self.relative($0.route.path) } ?? ""))
            .replacing("{{core-backplane}}", with: HTMLText.escaped(Self.backplane(of: core)))
        files = [
            "/": File(contentType: "text/html; charset=utf-8", content: ByteBuffer(string: html)),
            "/chat.css": File(
                contentType: "text/css; charset=utf-8", content: ByteBuffer(staticString: EmbeddedText.chat_css)),
            "/chat.js": Self.script(EmbeddedText.chat_js),
            "/core.js": Self.script(EmbeddedText.core_js),
            "/core-link.js": Self.script(EmbeddedText.core_link_js),
            "/core-transports.js": Self.script(EmbeddedText.core_transports_js),
            "/signalr.js": Self.script(EmbeddedText.signalr_js),
            "/web.js": Self.script(EmbeddedText.web_js),
        ]
    }

    /// The hub on the backplane; empty if clients of ASP.NET Core SignalR reach only those of this node.
    private static func backplane(of core: CoreHubs.Served?) -> String {
        core?.broker.settings.backplane.map { $0.channelPrefix + $0.hubType } ?? ""
    }

    private static func script(_ text: StaticString) -> File {
        File(contentType: "text/javascript; charset=utf-8", content: ByteBuffer(staticString: text))
    }

    /// A path relative to the page, because a proxy may add a prefix.
    private static func relative(_ path: String) -> String { String(path.drop { $0 == "/" }) }
}
