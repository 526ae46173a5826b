/// An invocation, copied out of its payload: what goes to clients.
///
/// Source: `Internal/RedisInvocation.cs` and `Internal/RedisProtocol.cs`
/// of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
package struct CoreInvocation: Equatable, Sendable {
    /// A protocol and the whole frame for its clients.
    package struct Frame: Equatable, Sendable {
        /// `json`, `messagepack` or another that the node has.
        package var protocolName: String
        /// The whole frame.
        package var bytes: [UInt8]

        package init(protocolName: String, bytes: [UInt8]) {
            self.protocolName = protocolName
            self.bytes = bytes
        }
    }

    /// Where the client's result must be sent.
    package struct Reply: Equatable, Sendable {
        package var invocationID: String
        /// Without the channel prefix.
        package var channel: String

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
    /// Places it was forwarded from: ``CoreForwardMark``. Not written if there is a reply.
    package var places: [String] = []

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
