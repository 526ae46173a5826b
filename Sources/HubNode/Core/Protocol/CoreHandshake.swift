import Backplane
import JSON

/// The first message from a client, `{"protocol":"json","version":1}` and the byte 1e, always JSON.
///
/// Source: `Protocol/HandshakeProtocol.cs` of Microsoft.AspNetCore.SignalR.Common.
struct CoreHandshake: Equatable {
    let format: CoreFormat
    /// 2 with stateful reconnect.
    let version: Int

    static let highestVersion = 2
    /// From this version on a client has stateful reconnect, if it negotiated it.
    static let statefulVersion = 2
    /// The response to an accepted client.
    static let accepted = Array("{}\u{1E}".utf8)

    /// The error text for a refused client.
    struct Refusal: Error, Equatable {
        let error: String

        /// The response, including the byte 1e.
        var frame: [UInt8] {
            var writer = JSONWriter()
            writer.raw("{")
            writer.member("error", error)
            writer.raw("}\u{1E}")
            return writer.bytes
        }

        static let canceled = Refusal(error: "Handshake was canceled.")

        /// Server-sent events carry text only.
        static func binary(_ format: CoreFormat) -> Refusal {
            Refusal(
                error:
                    "Cannot use the '\(format.name)' protocol on the current transport. The transport does not support 'Binary' transfer format."
            )
        }
    }

    /// - Parameters:
    ///   - message: without the byte 1e.
    ///   - formats: the protocols of the node.
    ///   - detailed: whether the client gets details about a malformed handshake.
    init(
        _ message: [UInt8], formats: [CoreFormat] = CoreFormat.allCases, detailed: Bool
    ) throws(Refusal) {
        let (name, version): (String, Int)
        do throws(Malformed) {
            (name, version) = try Self.fields(of: message)
        } catch {
            let text = "An unexpected error occurred during connection handshake."
            throw Refusal(error: detailed ? "\(text) \(error.detail)" : text)
        }
        guard let format = formats.first(where: { $0.name == name.lowercased() }) else {
            throw Refusal(error: "The protocol '\(name)' is not supported.")
        }
        // Like a real node, which accepts lower versions: signalrcore sends 0.
        guard version <= Self.highestVersion else {
            throw Refusal(error: "The server does not support version \(version) of the '\(format.name)' protocol.")
        }
        self.format = format
        self.version = version
    }

    private struct Malformed: Error {
        let detail: String

        static func data(_ text: String) -> Malformed { Malformed(detail: "InvalidDataException: \(text)") }
    }

    private static func fields(of message: [UInt8]) throws(Malformed) -> (name: String, version: Int) {
        let tree: JSONTree
        do {
            tree = try message.withUnsafeBytes { try JSONTree(parsing: $0) }
        } catch {
            throw notJSON(message)
        }
        guard tree.members != nil else {
            throw .data("Unexpected JSON Token Type '\(tokenType(tree))'. Expected a JSON Object.")
        }
        if let name = tree["protocol"], name.string == nil { throw .data("Expected 'protocol' to be of type String.") }
        if let version = tree["version"], version.integer(as: Int32.self) == nil {
            throw .data("Expected 'version' to be of type Number.")
        }
        let text = String(decoding: message, as: UTF8.self)
        guard let name = tree["protocol"]?.string else {
            throw .data("Missing required property 'protocol'. Message content: \(text)")
        }
        guard let version = tree["version"]?.integer(as: Int32.self) else {
            throw .data("Missing required property 'version'. Message content: \(text)")
        }
        return (name, Int(version))
    }

    private static func tokenType(_ tree: JSONTree) -> String {
        switch tree {
        case .array: "StartArray"
        case .string: "String"
        case .number: "Number"
        case .bool(let value): value ? "True" : "False"
        case .null: "Null"
        case .object: "StartObject"
        }
    }

    /// The wording of System.Text.Json for an invalid start of a value; errors further in are reported less exactly.
    private static func notJSON(_ message: [UInt8]) -> Malformed {
        let start = message.firstIndex { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
        guard let start else {
            return Malformed(
                detail:
                    "JsonReaderException: The input does not contain any JSON tokens. Expected the input to start with a valid JSON token, when isFinalBlock is true. LineNumber: 0 | BytePositionInLine: \(message.count)."
            )
        }
        guard !Array("{[\"-tfn0123456789".utf8).contains(message[start]) else {
            return .data("Error reading JSON.")
        }
        let character = String(decoding: message[start...].prefix(4), as: UTF8.self).first ?? " "
        return Malformed(
            detail:
                "JsonReaderException: '\(character)' is an invalid start of a value. LineNumber: 0 | BytePositionInLine: \(start)."
        )
    }
}
