/// The backplane of ASP.NET Core SignalR that a hub joins.
public struct CoreBackplaneSettings: Sendable {
    /// Full .NET type name of the hub's class, as it begins the names of the hub's Redis channels: `Chat.Hubs.ChatHub`.
    public var hubType: String
    /// `ChannelPrefix` of StackExchange.Redis; empty by default, as there.
    public var channelPrefix: String

    public init(hubType: String, channelPrefix: String = "") {
        self.hubType = hubType
        self.channelPrefix = channelPrefix
    }
}
