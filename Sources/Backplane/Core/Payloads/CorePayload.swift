/// A payload of the ASP.NET Core backplane, copied.
///
/// Source: `Internal/RedisProtocol.cs` of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
package enum CorePayload: Equatable, Sendable {
    case invocation(CoreInvocation)
    case groupCommand(CoreGroupCommand)
    case ack(id: Int32)
    case completion(CoreCompletion)

    /// - Parameter kind: of the channel on which the payload arrived, which alone determines its type.
    package init(decoding payload: UnsafeRawBufferPointer, as kind: CoreKind) throws(CoreError) {
        switch try CorePayloadView(kind, payload) {
        case .invocation(let view): self = .invocation(CoreInvocation(view))
        case .groupCommand(let view): self = .groupCommand(CoreGroupCommand(view))
        case .ack(let view): self = .ack(id: view.id)
        case .completion(let view): self = .completion(CoreCompletion(view))
        }
    }

    /// The same for bytes in an array.
    package init(decoding payload: [UInt8], as kind: CoreKind) throws(CoreError) {
        let result = payload.withUnsafeBytes { bytes in
            Result { () throws(CoreError) in try CorePayload(decoding: bytes, as: kind) }
        }
        self = try result.get()
    }

    /// Encoded as by a real node: the same bytes that were decoded, unless there were oddities.
    package func encoded() -> [UInt8] {
        switch self {
        case .invocation(let invocation): return invocation.encoded()
        case .groupCommand(let command): return command.encoded()
        case .completion(let completion): return completion.encoded()
        case .ack(let id):
            var writer = MessagePackWriter()
            writer.array(1)
            writer.int(id)
            return writer.bytes
        }
    }
}

/// A group command, copied.
///
/// Source: `Internal/RedisGroupCommand.cs` of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
package struct CoreGroupCommand: Equatable, Sendable {
    /// From 1, for each server and hub; the ack has the same.
    package var id: Int32
    /// The sender, which waits for the ack: ``CoreServerName``.
    package var server: String
    /// 1 adds, 2 removes.
    package var rawAction: UInt8
    /// Name of the group.
    package var group: String
    /// Id of the connection that joins or leaves.
    package var connection: String
    /// Places that have forwarded it: ``CoreForwardMark``.
    package var places: [String] = []

    /// A command that was not forwarded.
    package init(
        id: Int32, server: String, action: CoreGroupCommandView.Action, group: String, connection: String
    ) {
        self.id = id
        self.server = server
        rawAction = action.rawValue
        self.group = group
        self.connection = connection
    }

    init(_ view: CoreGroupCommandView) {
        id = view.id
        server = String(decoding: view.server, as: UTF8.self)
        rawAction = view.rawAction
        group = String(decoding: view.group, as: UTF8.self)
        connection = String(decoding: view.connection, as: UTF8.self)
        if let mark = view.mark { places = CoreForwardMark.places(view.payload, mark) }
    }

    /// As a node writes it, `[id, server, action, group, connection]`, followed by the mark if there are ``places``.
    package func encoded() -> [UInt8] {
        var writer = MessagePackWriter()
        writer.array(places.isEmpty ? 5 : 6)
        writer.int(id)
        writer.string(server)
        writer.int(rawAction)
        writer.string(group)
        writer.string(connection)
        if !places.isEmpty { CoreForwardMark.write(places, to: &writer) }
        return writer.bytes
    }
}

/// A client's result, copied.
///
/// Source: `Internal/RedisCompletion.cs` of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
package struct CoreCompletion: Equatable, Sendable {
    /// The hub protocol of the client that answers.
    package var protocolName: String
    /// One completion message in that protocol.
    package var frame: [UInt8]

    /// - Parameter frame: the whole frame, in that protocol.
    package init(protocolName: String, frame: [UInt8]) {
        self.protocolName = protocolName
        self.frame = frame
    }

    init(_ view: CoreCompletionView) {
        protocolName = String(decoding: view.protocolName, as: UTF8.self)
        frame = Array(view.payload[view.frame])
    }

    /// As a node writes it, `[protocol, frame]`.
    package func encoded() -> [UInt8] {
        var writer = MessagePackWriter()
        writer.array(2)
        writer.string(protocolName)
        writer.binary(frame)
        return writer.bytes
    }
}

/// A message for clients, copied out of its payload.
///
/// Source: `Internal/RedisInvocation.cs` and `Internal/RedisProtocol.cs`
/// of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
package struct CoreInvocation: Equatable, Sendable {
    /// A protocol and the whole frame for its clients.
    package struct Frame: Equatable, Sendable {
        /// `json`, `messagepack` or another protocol enabled at the node.
        package var protocolName: String
        /// The whole frame.
        package var bytes: [UInt8]

        /// - Parameter bytes: the whole frame, in that protocol.
        package init(protocolName: String, bytes: [UInt8]) {
            self.protocolName = protocolName
            self.bytes = bytes
        }
    }

    /// Where the client's result must be sent.
    package struct Reply: Equatable, Sendable {
        /// The sender's key for the result.
        package var invocationID: String
        /// Without the channel prefix.
        package var channel: String

        /// - Parameter channel: the sender's return channel, without the channel prefix.
        package init(invocationID: String, channel: String) {
            self.invocationID = invocationID
            self.channel = channel
        }
    }

    /// Ids of excluded connections.
    package var excluded: [String]
    /// One for each protocol.
    package var frames: [Frame]
    /// nil if no result is requested.
    package var reply: Reply?
    /// Places that have forwarded it: ``CoreForwardMark``. Not written if there is a reply.
    package var places: [String] = []

    /// An invocation that was not forwarded.
    package init(excluded: [String] = [], frames: [Frame], reply: Reply? = nil) {
        self.excluded = excluded
        self.frames = frames
        self.reply = reply
    }

    /// Copies it out of the payload.
    package init(_ view: CoreInvocationView) {
        excluded = view.excluded
        var frames: [Frame] = []
        view.forEachFrame { name, frame in
            frames.append(Frame(protocolName: String(decoding: name, as: UTF8.self), bytes: Array(view.payload[frame])))
        }
        self.frames = frames
        if let channel = view.returnChannel {
            reply = Reply(
                invocationID: view.invocationID.map { String(decoding: $0, as: UTF8.self) } ?? "",
                channel: String(decoding: channel, as: UTF8.self))
        }
        if let mark = view.mark { places = CoreForwardMark.places(view.payload, mark) }
    }

    /// As a real node writes it.
    package func encoded() -> [UInt8] {
        var writer = MessagePackWriter()
        writer.array(reply != nil ? 4 : places.isEmpty ? 2 : 3)
        writer.array(excluded.count)
        for id in excluded { writer.string(id) }
        writer.map(frames.count)
        for frame in frames {
            writer.string(frame.protocolName)
            writer.binary(frame.bytes)
        }
        if let reply {
            writer.string(reply.invocationID)
            writer.string(reply.channel)
        } else if !places.isEmpty {
            CoreForwardMark.write(places, to: &writer)
        }
        return writer.bytes
    }
}

/// A hub protocol named in an envelope.
package enum CoreProtocol: Hashable, Sendable {
    case json
    case messagePack
    /// A protocol of the application, or `blazorpack` of Blazor Server.
    case other

    /// - Parameter name: UTF-8, as in the envelope; compared byte for byte.
    @inline(__always)
    package init(_ name: UnsafeRawBufferPointer) {
        if name.count == 4, name.loadUnaligned(as: UInt32.self) == UInt32(littleEndian: 0x6E6F_736A) {
            self = .json
        } else if name.count == 11, Self.word(name, 0) == 0x7065_6761_7373_656D,
            Self.word(name, 3) == 0x6B63_6170_6567_6173
        {
            // "messagep", and "sagepack" overlapping it.
            self = .messagePack
        } else {
            self = .other
        }
    }

    @inline(__always)
    private static func word(_ name: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: name.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// nil for an unknown protocol.
    package var format: CoreFormat? {
        switch self {
        case .json: .json
        case .messagePack: .messagePack
        case .other: nil
        }
    }
}

/// The protocols whose frames can be decoded.
package enum CoreFormat: UInt8, CaseIterable, Sendable {
    case json
    case messagePack

    /// The name in an envelope.
    package var name: String {
        switch self {
        case .json: "json"
        case .messagePack: "messagepack"
        }
    }
}
