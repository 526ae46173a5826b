/// A backplane that has subscribers, or another channel.
package struct ListedChannel: Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// An event key of SignalR 2: a counter of the same name exists.
        case signalR2 = "signalr2"
        /// All channels of one hub of ASP.NET Core SignalR.
        case core
        /// Neither, or an event key on which nothing has been published yet.
        case neither
    }

    /// The Redis channel; for a Core hub the start of its channels: prefix and type name.
    package var name: String
    package var kind: Kind
    /// Subscribers of the channel; for a Core hub, of the channel that each node subscribes to. nil if unknown.
    package var subscribers: Int?
    /// The counter's value.
    package var lastID: UInt64?
    /// The database of the counter.
    package var database: Int?
    /// Number of Redis channels in this row.
    package var channels = 1
    /// For a Core hub: details from the names of its channels.
    package var hub: FoundHub?

    package init(
        name: String, kind: Kind, subscribers: Int? = nil, lastID: UInt64? = nil, database: Int? = nil,
        channels: Int = 1, hub: FoundHub? = nil
    ) {
        self.name = name
        self.kind = kind
        self.subscribers = subscribers
        self.lastID = lastID
        self.database = database
        self.channels = channels
        self.hub = hub
    }
}
