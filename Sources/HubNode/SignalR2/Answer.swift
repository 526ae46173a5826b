import Backplane
import HTTPTypes
import Hummingbird
import NIOCore

/// Responses with the headers of a real node.
enum Answer {
    private static let jsonType = "application/json; charset=UTF-8"
    private static let scriptType = "application/javascript; charset=UTF-8"

    /// - Parameter callback: the function to call in a script, for JSONP; nil for plain JSON.
    static func json(_ text: String, callback: String?) -> Response {
        response(
            .ok, callback == nil ? jsonType : scriptType, ResponseBody(byteBuffer: wrapped(text, callback: callback)))
    }

    static func script(_ text: String) -> Response {
        response(.ok, scriptType, ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        response(status, nil, ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    static func empty(_ contentType: String) -> Response {
        response(.ok, contentType, ResponseBody())
    }

    /// A status without a body, like a server after an exception.
    static func bare(_ status: HTTPResponse.Status) -> Response {
        Response(status: status)
    }

    static func stream(_ style: PullTransport.Style, _ body: ResponseBody) -> Response {
        let contentType =
            switch style {
            case .serverSentEvents: "text/event-stream"
            case .foreverFrame: "text/html; charset=UTF-8"
            case .poll(callback: nil): jsonType
            case .poll: scriptType
            }
        var response = response(.ok, contentType, body)
        // Tells nginx not to buffer the stream.
        if let name = HTTPField.Name("X-Accel-Buffering") { response.headers[name] = "no" }
        return response
    }

    static func wrapped(_ json: String, callback: String?) -> ByteBuffer {
        guard let callback else { return ByteBuffer(string: json) }
        return ByteBuffer(string: "\(callback)(\(json));")
    }

    private static func response(
        _ status: HTTPResponse.Status, _ contentType: String?, _ body: ResponseBody
    ) -> Response {
        var headers = HTTPFields()
        headers[.xContentTypeOptions] = "nosniff"
        if let contentType { headers[.contentType] = contentType }
        return Response(status: status, headers: headers, body: body)
    }
}
