import Backplane
import JSON

/// A message from a node of ASP.NET Core SignalR, copied out of the received bytes.
enum CoreIncoming: Equatable {
    /// - Parameter id: nil if the node expects no result.
    case invocation(id: String?, target: String, arguments: [JSONTree])
    case streamItem(id: String, JSONTree)
    case completion(id: String, CoreOutgoing.Outcome)
    case ping
    case close(error: String?, allowReconnect: Bool)
    case ack(Int64)
    case sequence(Int64)
    /// A message of a type that clients ignore.
    case unknown(type: Int)

    /// Whether the message is counted for stateful reconnect.
    var isCounted: Bool {
        switch self {
        case .invocation, .streamItem, .completion: true
        case .ping, .close, .ack, .sequence, .unknown: false
        }
    }

    /// - Parameter message: one message, as returned by ``CoreInbox``.
    /// - Throws: ``CoreFrameError``
    init(_ message: [UInt8], _ format: CoreFormat) throws(CoreFrameError) {
        let result = message.withUnsafeBytes { bytes in
            Result { () throws(CoreFrameError) in try Self(bytes, format) }
        }
        self = try result.get()
    }

    private init(_ bytes: UnsafeRawBufferPointer, _ format: CoreFormat) throws(CoreFrameError) {
        var walk = CoreHubMessageWalk(bytes, format)
        let next: CoreHubMessage?
        do throws(CoreError) { next = try walk.next() } catch { throw CoreFrameError(format: format) }
        guard let message = next else { throw CoreFrameError(format: format) }
        let id = message.invocationID?.text
        switch message.type {
        case .invocation:
            var arguments: [JSONTree] = []
            for range in message.arguments?.ranges ?? [] {
                arguments.append(try Self.tree(message.value(range)))
            }
            self = .invocation(id: id, target: message.target?.text ?? "", arguments: arguments)
        case .streamItem:
            guard let id, let range = message.value else { throw CoreFrameError(format: format) }
            self = .streamItem(id: id, try Self.tree(message.value(range)))
        case .completion:
            guard let id else { throw CoreFrameError(format: format) }
            if let error = message.error {
                self = .completion(id: id, .error(error.text))
            } else if let range = message.value {
                self = .completion(id: id, .result(try Self.tree(message.value(range))))
            } else {
                self = .completion(id: id, .void)
            }
        case .ping: self = .ping
        case .close: self = try Self.close(bytes, format)
        case .ack: self = .ack(try Self.sequenceID(bytes, format))
        case .sequence: self = .sequence(try Self.sequenceID(bytes, format))
        // Nodes never request a stream from a client.
        case .streamInvocation, .cancelInvocation, nil: self = .unknown(type: message.typeNumber)
        }
    }

    private static func tree(_ value: CoreValue) throws(CoreFrameError) -> JSONTree {
        let json = value.json()
        let tree = json.withUnsafeBytes { try? JSONTree(parsing: $0) }
        guard let tree else { throw CoreFrameError(format: value.format) }
        return tree
    }

    private static func close(
        _ bytes: UnsafeRawBufferPointer, _ format: CoreFormat
    ) throws(CoreFrameError) -> CoreIncoming {
        switch format {
        case .json:
            guard let tree = try? JSONTree(parsing: UnsafeRawBufferPointer(rebasing: bytes.dropLast())) else {
                throw CoreFrameError(format: format)
            }
            return .close(error: tree["error"]?.string, allowReconnect: tree["allowReconnect"]?.bool ?? false)
        case .messagePack:
            do {
                var (reader, count) = try fields(of: bytes)
                let error = count > 1 ? try reader.optionalString() : nil
                var allowReconnect = false
                if count > 2, case .bool(let value) = try reader.token() { allowReconnect = value }
                return .close(error: error.map { String(decoding: $0, as: UTF8.self) }, allowReconnect: allowReconnect)
            } catch {
                throw CoreFrameError(format: format)
            }
        }
    }

    private static func sequenceID(
        _ bytes: UnsafeRawBufferPointer, _ format: CoreFormat
    ) throws(CoreFrameError) -> Int64 {
        switch format {
        case .json:
            let tree = try? JSONTree(parsing: UnsafeRawBufferPointer(rebasing: bytes.dropLast()))
            if let id = tree?["sequenceId"]?.integer, id >= 0 { return id }
        case .messagePack:
            do {
                var (reader, count) = try fields(of: bytes)
                if count > 1 {
                    let id = try reader.integer(as: Int64.self)
                    if id >= 0 { return id }
                }
            } catch {}
        }
        throw CoreFrameError(format: format)
    }

    /// - Returns: a reader behind the type of a MessagePack message, and the number of its items with it.
    private static func fields(
        of bytes: UnsafeRawBufferPointer
    ) throws(CoreError) -> (reader: MessagePackReader, count: Int) {
        var start = 0
        while start < bytes.count, bytes[start] >= 0x80 { start += 1 }
        var reader = MessagePackReader(bytes, in: min(start + 1, bytes.count)..<bytes.count)
        let count = try reader.arrayCount()
        try reader.skipValue()
        return (reader, count)
    }
}

/// A message that violates the hub protocol.
struct CoreFrameError: Error, Equatable, CustomStringConvertible {
    let format: CoreFormat

    var description: String { "a message is not \(format == .json ? "JSON" : "MessagePack") of the hub protocol" }
}

/// A node's answer to the handshake.
enum CoreHandshakeAnswer: Equatable {
    case accepted
    case refused(String)

    /// - Parameter message: the message with its terminator, the byte 1e.
    /// - Returns: nil if the message is not a handshake response.
    init?(_ message: [UInt8]) {
        let tree = message.dropLast().withUnsafeBytes { try? JSONTree(parsing: $0) }
        guard let tree, tree.members != nil else { return nil }
        if let error = tree["error"]?.string {
            self = .refused(error)
        } else if tree["type"] == nil {
            self = .accepted
        } else {
            // The node ends the connection instead, or sends a message without a handshake.
            self = .refused(
                tree["error"]?.string ?? "it sent \(AnswerText.quote(message.dropLast())) instead of the answer")
        }
    }
}
