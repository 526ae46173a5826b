import Backplane
import JSON
import MCAP

/// How hubs of ASP.NET Core are stored in a capture: one MCAP channel per hub, because the number of groups, users and
/// connections is unbounded.
package enum CoreCapture {
    /// Registered with MCAP: any reader with a MessagePack library opens it.
    package static let messageEncoding = "msgpack"
    /// Of the MCAP schema of hubs of ASP.NET Core.
    package static let schemaName = "signalr-core-redis"
    /// The schema is plain text for people.
    package static let schemaEncoding = "text/plain"

    /// Keys of an MCAP channel's metadata.
    enum Key {
        static let backplane = "backplane"
        static let prefix = "prefix"
        static let hub = "hub"
    }

    static let schema = Schema(
        id: 1, name: schemaName, encoding: schemaEncoding, data: Array(schemaText.utf8))

    /// Explains the record to a reader with only the file and a MessagePack library.
    package static let schemaText = """
        One message that ASP.NET Core SignalR published on its Redis backplane (Microsoft.AspNetCore.SignalR.StackExchangeRedis).

        The data is MessagePack: [redis_channel: str, payload: bin]. The payload is byte for byte what was published.
        The MCAP channel is one hub; its topic, and the beginning of each redis_channel, is the channel prefix and the
        full .NET type name of the hub (metadata "prefix" and "hub"). The rest says what the payload is, which is MessagePack too:

          :all  :group:NAME  :user:NAME  :connection:ID   an invocation:
              [excluded_connection_ids: [str], frames: {protocol: str -> frame: bin}]
              or, where the sender waits for a result, with invocation_id: str, return_channel: str appended.
              A frame is what the clients of that protocol get: "json": JSON text and the byte 1e;
              "messagepack": a length in 7-bit groups and [1, headers, invocation_id or nil, method, [arguments], [stream_ids]].
          :internal:groups        a group command: [id: int, server: str, 1 = add or 2 = remove, group: str, connection_id: str]
          :internal:ack:SERVER    the answer to it: [id: int]
          :internal:return:SERVER a client's result: [protocol: str, frame: bin]

        More items may follow those listed; SignalR ignores them.

        sequence: counted by the recorder, from 1 for each channel, across all segments of one run; the wire has no
        ids. log_time: when it was received, nanoseconds since 1970. publish_time: the same, because the wire has no times.

        In Python (pip install mcap msgpack):
          import sys, msgpack; from mcap.reader import make_reader
          for schema, channel, message in make_reader(open(sys.argv[1], "rb")).iter_messages():
              if schema and schema.name == "signalr-core-redis":
                  redis_channel, payload = msgpack.unpackb(message.data)
                  print(redis_channel, msgpack.unpackb(payload, strict_map_key=False))
        """

    static func channel(_ id: UInt16, of hub: CoreHub) -> Channel {
        Channel(
            id: id, schemaID: schema.id, topic: hub.topic, messageEncoding: messageEncoding,
            metadata: [Key.backplane: Dialect.core.label, Key.prefix: hub.prefix, Key.hub: hub.type])
    }
}

extension Channel {
    /// How to read its messages as envelopes; nil if they are not envelopes.
    var form: EnvelopeForm? {
        if messageEncoding == CaptureMetadata.envelopeEncoding { return .signalR2 }
        return hub?.form
    }

    /// nil if it is not a hub of ASP.NET Core.
    var hub: CoreHub? {
        guard messageEncoding == CoreCapture.messageEncoding,
            metadata[CoreCapture.Key.backplane] == Dialect.core.label
        else { return nil }
        return CoreHub(root: Array(topic.utf8), prefix: metadata[CoreCapture.Key.prefix] ?? "")
    }

    /// nil if its messages are not envelopes.
    var backplane: BackplaneChannel? {
        if messageEncoding == CaptureMetadata.envelopeEncoding { return .signalR2(key: topic) }
        return hub.map { .core($0) }
    }
}

extension CaptureMetadata {
    /// Describes each channel in the `capture` record; left out if all are event keys of SignalR 2.
    private struct ChannelEntry {
        let channel: String
        let backplane: Dialect
        var prefix: String?
        var hub: String?

        init(_ channel: BackplaneChannel) {
            self.channel = channel.name
            backplane = channel.dialect
            prefix = channel.hub?.prefix
            hub = channel.hub?.type
        }

        /// - Returns: nil for any other object.
        init?(_ json: JSONTree) {
            guard let channel = json["channel"]?.string,
                let backplane = json["backplane"]?.string.flatMap({ Dialect(rawValue: $0) })
            else { return nil }
            self.channel = channel
            self.backplane = backplane
            prefix = json["prefix"]?.string
            hub = json["hub"]?.string
        }

        /// Keys sorted.
        var json: JSONTree {
            var members: [JSONTree.Member] = [
                .init("backplane", .string(backplane.rawValue)), .init("channel", .string(channel)),
            ]
            if let hub { members.append(.init("hub", .string(hub))) }
            if let prefix { members.append(.init("prefix", .string(prefix))) }
            return .object(members)
        }

        var value: BackplaneChannel? {
            switch backplane {
            case .signalR2: .signalR2(key: channel)
            case .core: hub.map { .core(CoreHub(prefix: prefix ?? "", type: $0)) }
            }
        }
    }

    static func backplanes(_ channels: [BackplaneChannel]) -> String? {
        guard channels.contains(where: { $0.dialect == .core }) else { return nil }
        return JSONTree.array(channels.map { ChannelEntry($0).json }).description
    }

    /// The channels of a segment, from its `capture` record.
    static func backplanes(in entries: [String: String]) -> [BackplaneChannel] {
        if let elements = tree(entries[Key.backplanes])?.array {
            return elements.compactMap { ChannelEntry($0)?.value }
        }
        return strings(entries[Key.channels]).map { .signalR2(key: $0) }
    }
}

/// Two recordings of one hub cannot be aligned.
package struct CoreNotAligned: Error, CustomStringConvertible {
    /// Prefix and type of the hub.
    package let channel: String
    /// The operation that was requested.
    package let purpose: String

    /// - Parameter purpose: the start of the error text: the operation that is impossible.
    package init(channel: String, purpose: String) {
        self.channel = channel
        self.purpose = purpose
    }

    package var description: String {
        "\(purpose): envelopes of '\(channel)' have no ids, because this wire (ASP.NET Core SignalR) has none, so two "
            + "equal payloads may or may not be the same envelope"
    }
}
