import Backplane
import JSON

/// The response to `POST <hub>/negotiate`, in a real node's order.
///
/// Source: `NegotiateProtocol.cs` of Microsoft.AspNetCore.Http.Connections.Common.
struct CoreNegotiation: Equatable {
    /// 0, or 1 with a connection token.
    let version: Int
    /// Whether the client requested stateful reconnect and may use it.
    let usesStatefulReconnect: Bool

    /// - Parameters:
    ///   - version: the requested version, as in the query; nil if missing.
    ///   - allowsStatefulReconnect: whether the node supports it.
    /// - Throws: ``Refusal``
    init(version: String?, wantsStatefulReconnect: String?, allowsStatefulReconnect: Bool) throws(Refusal) {
        guard let version else {
            self.version = 0
            usesStatefulReconnect = false
            return
        }
        guard let asked = DotNetInteger.int32(version) else {
            throw Refusal(error: "The client requested an invalid protocol version '\(version)'")
        }
        guard asked >= 0 else {
            throw Refusal(
                error: "The client requested version '\(asked)', but the server does not support this version.")
        }
        self.version = min(Int(asked), 1)
        usesStatefulReconnect = allowsStatefulReconnect && wantsStatefulReconnect?.lowercased() == "true"
    }

    /// Sent to the client with status 200.
    struct Refusal: Error, Equatable {
        let error: String

        var json: String {
            var writer = JSONWriter()
            writer.raw("{")
            writer.member("error", error)
            writer.raw("}")
            return String(decoding: writer.bytes, as: UTF8.self)
        }
    }

    /// - Parameter token: identifies the connection in requests; with version 0 the connection's id.
    func json(connectionID: String, token: String) -> String {
        var writer = JSONWriter()
        writer.raw("{")
        if usesStatefulReconnect { writer.raw(#""useStatefulReconnect":true,"#) }
        writer.raw(#""negotiateVersion":\#(version)"#)
        writer.member("connectionId", connectionID)
        if version > 0 { writer.member("connectionToken", token) }
        writer.raw(
            #","availableTransports":[{"transport":"WebSockets","transferFormats":["Text","Binary"]},"#
                + #"{"transport":"ServerSentEvents","transferFormats":["Text"]},"#
                + #"{"transport":"LongPolling","transferFormats":["Text","Binary"]}]}"#)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
