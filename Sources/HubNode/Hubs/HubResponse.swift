import Backplane
import JSON

/// The answer to a call, as it goes over the transport: `{"R":value?,"I":"id"}`, or with `"H":true?,"E":"message","D":data?`
/// in the order of a real node's serializer.
enum HubResponse {
    /// - Parameter result: JSON; `null` and none are left out.
    static func result(_ result: [UInt8]?, id: String?) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw("{")
        if let result, !result.elementsEqual("null".utf8) {
            writer.raw(#""R":"#)
            writer.raw(result)
            writer.raw(",")
        }
        writer.raw(#""I":"#)
        write(id, to: &writer)
        writer.raw("}")
        return writer.bytes
    }

    static func error(_ message: String, isHubError: Bool = false, data: JSONValue? = nil, id: String?) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw(#"{"I":"#)
        write(id, to: &writer)
        if isHubError { writer.raw(#","H":true"#) }
        writer.raw(#","E":"#)
        writer.string(message)
        if let data {
            writer.raw(#","D":"#)
            writer.raw(data.text)
        }
        writer.raw("}")
        return writer.bytes
    }

    /// A call without an id is answered without one.
    private static func write(_ id: String?, to writer: inout JSONWriter) {
        if let id { writer.string(id) } else { writer.raw("null") }
    }
}
