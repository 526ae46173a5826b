/// The ASP.NET Core SignalR backplane that a hub joins.
public struct CoreBackplaneSettings: Sendable {
    /// Full .NET type name of the hub class, the prefix of its Redis channels: `Chat.Hubs.ChatHub`.
    public var hubType: String
    /// `ChannelPrefix` of StackExchange.Redis; empty by default.
    public var channelPrefix: String

    /// - Parameters:
    ///   - hubType: with its namespace, without the prefix.
    ///   - channelPrefix: as in the connection strings of the other nodes.
    public init(hubType: String, channelPrefix: String = "") {
        self.hubType = hubType
        self.channelPrefix = channelPrefix
    }
}
