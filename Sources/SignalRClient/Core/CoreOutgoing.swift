import Backplane
import JSON

/// A message of a client of ASP.NET Core SignalR.
enum CoreOutgoing: Equatable {
    /// - Parameters:
    ///   - id: nil if no answer is expected.
    ///   - streamIDs: ids of the streams that the client will send.
    ///   - isStream: whether the result is expected as a stream.
    case invocation(id: String?, target: String, arguments: [JSONTree], streamIDs: [String], isStream: Bool)
    case streamItem(id: String, JSONTree)
    case completion(id: String, Outcome)
    case cancelInvocation(id: String)
    case ping
    case close
    case ack(Int64)
    case sequence(Int64)

    enum Outcome: Equatable {
        case void
        case result(JSONTree)
        case error(String)
    }

    /// Whether the message is counted for stateful reconnect.
    var isCounted: Bool { type.isCounted }

    /// - Returns: the message with the byte 1e at its end, or its length at its start.
    func encoded(_ format: CoreFormat) -> [UInt8] {
        switch format {
        case .json: json()
        case .messagePack: messagePack()
        }
    }

    private func json() -> [UInt8] {
        var writer = JSONWriter(escapingLineEnds: false)
        writer.raw(#"{"type":\#(type.rawValue)"#)
        switch self {
        case .invocation(let id, let target, let arguments, let streamIDs, _):
            writer.member("invocationId", id)
            writer.member("target", target)
            writer.member("arguments")
            writer.tree(.array(arguments))
            if !streamIDs.isEmpty {
                writer.member("streamIds")
                writer.tree(.array(streamIDs.map { .string($0) }))
            }
        case .streamItem(let id, let item):
            writer.member("invocationId", id)
            writer.member("item")
            writer.tree(item)
        case .completion(let id, let outcome):
            writer.member("invocationId", id)
            switch outcome {
            case .void: break
            case .result(let result):
                writer.member("result")
                writer.tree(result)
            case .error(let error): writer.member("error", error)
            }
        case .cancelInvocation(let id): writer.member("invocationId", id)
        case .ping, .close: break
        case .ack(let id), .sequence(let id): writer.member("sequenceId", id)
        }
        writer.raw("}\u{1E}")
        return writer.bytes
    }

    private func messagePack() -> [UInt8] {
        var writer = MessagePackWriter()
        switch self {
        case .invocation(let id, let target, let arguments, let streamIDs, _):
            head(6, id, to: &writer)
            writer.string(target)
            writer.array(arguments.count)
            for argument in arguments { writer.raw(Self.packed(argument)) }
            writer.array(streamIDs.count)
            for id in streamIDs { writer.string(id) }
        case .streamItem(let id, let item):
            head(4, id, to: &writer)
            writer.raw(Self.packed(item))
        case .completion(let id, .void):
            head(4, id, to: &writer)
            writer.int(2)
        case .completion(let id, .result(let result)):
            head(5, id, to: &writer)
            writer.int(3)
            writer.raw(Self.packed(result))
        case .completion(let id, .error(let error)):
            head(5, id, to: &writer)
            writer.int(1)
            writer.string(error)
        case .cancelInvocation(let id): head(3, id, to: &writer)
        case .ping:
            writer.array(1)
            writer.int(type.rawValue)
        case .close:
            writer.array(3)
            writer.int(type.rawValue)
            writer.nil()
            writer.bool(false)
        case .ack(let id), .sequence(let id):
            writer.array(2)
            writer.int(type.rawValue)
            writer.int(id)
        }
        return CoreFrameConversion.length(writer.bytes.count) + writer.bytes
    }

    private func head(_ count: Int, _ id: String?, to writer: inout MessagePackWriter) {
        writer.array(count)
        writer.int(type.rawValue)
        writer.map(0)
        if let id { writer.string(id) } else { writer.nil() }
    }

    /// Nil if the value is nested too deeply, which ``JSONTree``'s parser never returns.
    private static func packed(_ value: JSONTree) -> [UInt8] {
        var text = value.description
        let packed = text.withUTF8 { utf8 in
            try? CoreFrameConversion.messagePack(json: UnsafeRawBufferPointer(utf8))
        }
        return packed ?? [0xC0]
    }

    private var type: CoreMessageType {
        switch self {
        case .invocation(_, _, _, _, let isStream): isStream ? .streamInvocation : .invocation
        case .streamItem: .streamItem
        case .completion: .completion
        case .cancelInvocation: .cancelInvocation
        case .ping: .ping
        case .close: .close
        case .ack: .ack
        case .sequence: .sequence
        }
    }

    /// The first message of a connection, always in JSON.
    static func handshake(_ format: CoreFormat, version: Int) -> [UInt8] {
        Array("{\"protocol\":\"\(format.name)\",\"version\":\(version)}\u{1E}".utf8)
    }
}

extension CoreMessageType {
    /// Whether messages of this type are counted for stateful reconnect: types 1 to 5.
    var isCounted: Bool { rawValue <= CoreMessageType.cancelInvocation.rawValue }
}
