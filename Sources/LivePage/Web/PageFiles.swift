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
    static let scripts: [(path: String, bytes: [UInt8])] = [
        ("/live.js", PackageResources.live_js), ("/chart.js", PackageResources.chart_js),
        ("/words.js", PackageResources.words_js),
    ]

    /// True for a browser; curl and probes get text.
    static func isWanted(by request: Request) -> Bool {
        request.headers[.accept]?.contains("text/html") == true
    }

    static var page: Response { html(.ok, PackageResources.live_html) }
    static var style: Response { file("text/css; charset=utf-8", PackageResources.live_css) }

    static func script(_ bytes: [UInt8]) -> Response { file("text/javascript; charset=utf-8", bytes) }

    /// The login form.
    ///
    /// - Parameter note: the error; our own text, so it needs no escaping.
    static func login(_ status: HTTPResponse.Status, note: String = "") -> Response {
        let text = String(decoding: PackageResources.login_html, as: UTF8.self).replacing("{{note}}", with: note)
        return html(status, Array(text.utf8))
    }

    private static func html(_ status: HTTPResponse.Status, _ bytes: [UInt8]) -> Response {
        var response = file("text/html; charset=utf-8", bytes)
        response.status = status
        response.headers[.contentSecurityPolicy] = contentSecurityPolicy
        // No referrer to other sites. With "no-referrer" a browser would hide the origin of our own forms too.
        response.headers[.referrerPolicy] = "same-origin"
        return response
    }

    private static func file(_ contentType: String, _ bytes: [UInt8]) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: contentType, .cacheControl: "no-cache", .xContentTypeOptions: "nosniff"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name("Referrer-Policy") ?? .accept
    /// Tells nginx not to buffer the stream.
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering") ?? .accept
}
