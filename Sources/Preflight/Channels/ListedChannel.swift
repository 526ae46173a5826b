/// A backplane that has subscribers, or a channel that is none.
package struct ListedChannel: Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// An event key of SignalR 2: a counter of the same name exists.
        case signalR2 = "signalr2"
        /// All channels of one hub of ASP.NET Core SignalR.
        case core
        /// Neither, or an event key on which nothing was published yet.
        case neither
    }

    /// The Redis channel; of a Core hub what its channels begin with: prefix and type name.
    package var name: String
    package var kind: Kind
    /// Of the channel; of a Core hub those of the channel that each node listens to. nil where Redis does not tell.
    package var subscribers: Int?
    /// The counter's value.
    package var lastID: UInt64?
    /// Where the counter is.
    package var database: Int?
    /// Redis channels that this row stands for.
    package var channels = 1
    /// Of a Core hub: what the names of its channels tell.
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
