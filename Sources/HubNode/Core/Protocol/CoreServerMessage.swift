import Backplane
import JSON

/// A message to a client, in the format of a real node's serializers.
///
/// Source: `JsonHubProtocol.cs` and `MessagePackHubProtocolWorker.cs` of ASP.NET Core SignalR.
enum CoreServerMessage: Equatable, Sendable {
    /// - Parameter id: nil if no result is expected.
    case invocation(id: String?, target: String, arguments: [HubArgument])
    case streamItem(id: String, HubArgument)
    case completion(id: String, CoreClientMessage.Completion)
    case ping
    case close(error: String?, allowReconnect: Bool)
    case ack(Int64)
    case sequence(Int64)

    /// - Returns: including the byte 1e at its end, or the length at its start.
    func encoded(_ format: CoreFormat) -> [UInt8] {
        switch format {
        case .json: json()
        case .messagePack: messagePack()
        }
    }

    /// Whether it counts for stateful reconnect.
    var isCounted: Bool {
        switch self {
        case .invocation, .streamItem, .completion: true
        case .ping, .close, .ack, .sequence: false
        }
    }

    private func json() -> [UInt8] {
        var writer = JSONWriter(escapingLineEnds: false)
        writer.raw(#"{"type":\#(type)"#)
        switch self {
        case .invocation(let id, let target, let arguments):
            writer.member("invocationId", id)
            writer.member("target", target)
            writer.raw(#","arguments":["#)
            for (index, argument) in arguments.enumerated() {
                if index > 0 { writer.raw(",") }
                writer.raw(argument.json)
            }
            writer.raw("]")
        case .streamItem(let id, let item):
            writer.member("invocationId", id)
            writer.raw(#","item":"#)
            writer.raw(item.json)
        case .completion(let id, let completion):
            writer.member("invocationId", id)
            switch completion {
            case .void: break
            case .result(let result):
                writer.raw(#","result":"#)
                writer.raw(result.json)
            case .error(let error): writer.member("error", error)
            }
        case .ping: break
        case .close(let error, let allowReconnect):
            writer.member("error", error)
            if allowReconnect { writer.raw(#","allowReconnect":true"#) }
        case .ack(let id), .sequence(let id): writer.member("sequenceId", id)
        }
        writer.raw("}\u{1E}")
        return writer.bytes
    }

    private func messagePack() -> [UInt8] {
        var writer = MessagePackWriter()
        switch self {
        case .invocation(let id, let target, let arguments):
            Self.head(6, type, id, to: &writer)
            writer.string(target)
            writer.array(arguments.count)
            for argument in arguments { writer.raw(argument.packed) }
            writer.array(0)
        case .streamItem(let id, let item):
            Self.head(4, type, id, to: &writer)
            writer.raw(item.packed)
        case .completion(let id, .void):
            Self.head(4, type, id, to: &writer)
            writer.int(2)
        case .completion(let id, .result(let result)):
            Self.head(5, type, id, to: &writer)
            writer.int(3)
            writer.raw(result.packed)
        case .completion(let id, .error(let error)):
            Self.head(5, type, id, to: &writer)
            writer.int(1)
            writer.string(error)
        case .ping:
            writer.array(1)
            writer.int(type)
        case .close(let error, let allowReconnect):
            writer.array(3)
            writer.int(type)
            if let error { writer.string(error) } else { writer.nil() }
            writer.bool(allowReconnect)
        case .ack(let id), .sequence(let id):
            writer.array(2)
            writer.int(type)
            writer.int(id)
        }
        return CoreFrameConversion.length(writer.bytes.count) + writer.bytes
    }

    private static func head(_ count: Int, _ type: UInt8, _ id: String?, to writer: inout MessagePackWriter) {
        writer.array(count)
        writer.int(type)
        writer.map(0)
        if let id { writer.string(id) } else { writer.nil() }
    }

    private var type: UInt8 {
        let type: CoreMessageType =
            switch self {
            case .invocation: .invocation
            case .streamItem: .streamItem
            case .completion: .completion
            case .ping: .ping
            case .close: .close
            case .ack: .ack
            case .sequence: .sequence
            }
        return type.rawValue
    }
}
