import JSON

/// A frame with a cursor: `{"C":"s-0,1F","S":1,"T":1,"G":"token","L":0,"M":[..]}`.
struct MessageFrame: Equatable, Sendable {
    /// Where to resume after a reconnect.
    var cursor: String
    /// `S`: the path through the backplane works; time for `/start`.
    var isInitial = false
    /// `T`: the node asks the client to reconnect.
    var asksToReconnect = false
    /// `G`: the groups have changed.
    var groupsToken: String?
    /// `L`: delay before the next poll, in milliseconds.
    var pollDelay: Int64 = 0
    var messages: [HubMessage] = []

    /// - Returns: nil without `C`.
    init?(_ json: JSONTree) {
        guard let cursor = json["C"]?.string else { return nil }
        self.cursor = cursor
        isInitial = json["S"]?.integer == 1
        asksToReconnect = json["T"]?.integer == 1
        groupsToken = json["G"]?.string
        pollDelay = json["L"]?.integer ?? 0
        // Anything that is neither a call nor progress is for persistent connections, not for hubs.
        messages = (json["M"]?.array ?? []).compactMap(HubMessage.init)
    }
}
