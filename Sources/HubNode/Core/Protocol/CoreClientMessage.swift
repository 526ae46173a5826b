import Backplane
import JSON

/// A message from a client, copied out of the received bytes.
///
/// Source: `JsonHubProtocol.cs` and `MessagePackHubProtocolWorker.cs` of ASP.NET Core SignalR.
enum CoreClientMessage: Equatable, Sendable {
    case invocation(Invocation)
    case streamItem(id: String, HubArgument)
    case completion(id: String, Completion)
    case cancelInvocation(id: String)
    case ping
    case close(error: String?)
    case ack(Int64)
    case sequence(Int64)
    /// An unknown type, which real nodes ignore.
    case unknown(type: Int)

    struct Invocation: Equatable, Sendable {
        /// Nil if the client wants no response.
        let id: String?
        let target: String
        let arguments: [HubArgument]
        /// Ids of the streams that the client will send.
        let streamIDs: [String]
        /// Whether the client wants the result as a stream.
        let isStream: Bool
        /// Size of the message in bytes.
        let size: Int
    }

    enum Completion: Equatable, Sendable {
        case void
        case result(HubArgument)
        case error(String)
    }

    /// Whether it is counted for stateful reconnect.
    var isCounted: Bool {
        switch self {
        case .invocation, .streamItem, .completion, .cancelInvocation: true
        case .ping, .close, .ack, .sequence, .unknown: false
        }
    }

    /// The connection ends with it; the text is a real node's where the client can cause it.
    struct Malformed: Error, Equatable {
        let detail: String

        static let json = Malformed(detail: "InvalidDataException: Error reading JSON.")
        static let messagePack = Malformed(detail: "InvalidDataException: Error reading MessagePack.")
        /// The client's numbers include messages that have not arrived.
        static let sequence = Malformed(
            detail: "InvalidOperationException: Sequence ID greater than amount of messages we've received.")
    }

    /// - Parameter message: one message, as returned by ``CoreInbox``.
    init(_ message: [UInt8], _ format: CoreFormat) throws(Malformed) {
        let result = message.withUnsafeBytes { bytes in
            Result { () throws(Malformed) in try Self(bytes, format) }
        }
        self = try result.get()
    }

    private init(_ bytes: UnsafeRawBufferPointer, _ format: CoreFormat) throws(Malformed) {
        let malformed: Malformed = format == .json ? .json : .messagePack
        var walk = CoreHubMessageWalk(bytes, format)
        guard let message = try? walk.next() else { throw malformed }
        let id = message.invocationID?.text
        switch message.type {
        case .invocation, .streamInvocation:
            self = .invocation(
                Invocation(
                    id: id, target: message.target?.text ?? "", arguments: try Self.arguments(of: message, malformed),
                    streamIDs: message.streamIDTexts, isStream: message.type == .streamInvocation, size: bytes.count))
        case .streamItem:
            guard let id, let range = message.value else { throw malformed }
            self = .streamItem(id: id, try Self.argument(message.value(range), malformed))
        case .completion:
            guard let id else { throw malformed }
            if let error = message.error {
                self = .completion(id: id, .error(error.text))
            } else if let range = message.value {
                self = .completion(id: id, .result(try Self.argument(message.value(range), malformed)))
            } else {
                self = .completion(id: id, .void)
            }
        case .cancelInvocation:
            guard let id else { throw malformed }
            self = .cancelInvocation(id: id)
        case .ping: self = .ping
        case .close: self = .close(error: message.error?.text)
        case .ack: self = .ack(try Self.sequenceID(bytes, format, malformed))
        case .sequence: self = .sequence(try Self.sequenceID(bytes, format, malformed))
        case nil: self = .unknown(type: message.typeNumber)
        }
    }

    private static func arguments(
        of message: CoreHubMessage, _ malformed: Malformed
    ) throws(Malformed) -> [HubArgument] {
        var arguments: [HubArgument] = []
        for range in message.arguments?.ranges ?? [] {
            arguments.append(try argument(message.value(range), malformed))
        }
        return arguments
    }

    private static func argument(_ value: CoreValue, _ malformed: Malformed) throws(Malformed) -> HubArgument {
        switch value.format {
        case .json:
            guard JSONText.isUTF8(value.bytes) else { throw malformed }
            return HubArgument(json: Array(value.bytes))
        case .messagePack:
            return HubArgument(messagePack: value.bytes)
        }
    }

    private static func sequenceID(
        _ bytes: UnsafeRawBufferPointer, _ format: CoreFormat, _ malformed: Malformed
    ) throws(Malformed) -> Int64 {
        switch format {
        case .json:
            var scanner = JSONScanner(bytes)
            var id: Int64?
            _ = scanner.object { scanner, name in
                guard name.decoded == "sequenceId" else { return scanner.skipValue() }
                guard let number = scanner.number() else { return false }
                id = Int64(String(decoding: number, as: UTF8.self))
                return true
            }
            if let id, id >= 0 { return id }
        case .messagePack:
            var start = 0
            while start < bytes.count, bytes[start] >= 0x80 { start += 1 }
            var reader = MessagePackReader(bytes, in: min(start + 1, bytes.count)..<bytes.count)
            if let count = try? reader.arrayCount(), count >= 2, (try? reader.skipValue()) != nil,
                let id = try? reader.integer(as: Int64.self), id >= 0
            {
                return id
            }
        }
        throw malformed
    }
}
