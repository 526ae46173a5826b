import HTTPTypes
import Hummingbird
import NIOCore

/// The page and its files, embedded in the program.
enum PageFiles {
    /// Scripts, styles and connections only from the relay; no framing.
    static let contentSecurityPolicy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

    static let stylePath = "/live.css"
    static let scripts: [(path: String, text: StaticString)] = [
        ("/live.js", EmbeddedText.live_js), ("/chart.js", EmbeddedText.chart_js), ("/words.js", EmbeddedText.words_js),
    ]

    /// True for a browser; curl and probes get text.
    static func isWanted(by request: Request) -> Bool {
        request.headers[.accept]?.contains("text/html") == true
    }

    static var page: Response { html(.ok, ByteBuffer(staticString: EmbeddedText.live_html)) }
    static var style: Response {
        file("text/css; charset=utf-8", ByteBuffer(staticString: EmbeddedText.live_css))
    }

    static func script(_ text: StaticString) -> Response {
        file("text/javascript; charset=utf-8", ByteBuffer(staticString: text))
    }

    /// The login form.
    ///
    /// - Parameter note: the error; our own text, so it needs no escaping.
    static func login(_ status: HTTPResponse.Status, note: String = "") -> Response {
        let text = EmbeddedText.login_html.description.replacing("{{note}}", with: note)
        return html(status, ByteBuffer(string: text))
    }

    private static func html(_ status: HTTPResponse.Status, _ text: ByteBuffer) -> Response {
        var response = file("text/html; charset=utf-8", text)
        response.status = status
        response.headers[.contentSecurityPolicy] = contentSecurityPolicy
        // No referrer to other sites. With "no-referrer" a browser would hide the origin of our own forms too.
        response.headers[.referrerPolicy] = "same-origin"
        return response
    }

    private static func file(_ contentType: String, _ text: ByteBuffer) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: contentType, .cacheControl: "no-cache", .xContentTypeOptions: "nosniff"],
            body: ResponseBody(byteBuffer: text))
    }
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name("Referrer-Policy") ?? .accept
    /// Tells nginx not to buffer the stream.
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering") ?? .accept
}
