import Backplane
import JSON

/// The answer to `POST <hub>/negotiate`, in a real node's order.
struct CoreNegotiation: Equatable {
    /// 0, or 1 with a connection token.
    let version: Int
    /// Whether the client asked for stateful reconnect and may have it.
    let usesStatefulReconnect: Bool

    /// - Parameters:
    ///   - version: what the client asks for, as it stands in the query; nil if it does not say.
    ///   - allowsStatefulReconnect: whether the node has it.
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

    /// Told to the client with status 200.
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

    /// - Parameter token: the id that requests bear; the connection's own id with version 0.
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
