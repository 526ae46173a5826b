/// The announcement of a new master: `+switch-master`, payload `name oldHost oldPort newHost newPort`.
struct MasterSwitch: Equatable {
    static let channel = "+switch-master"

    let name: String
    let master: RedisEndpoint

    /// - Parameter message: what a sentinel pushed.
    init?(message: RESPValue) {
        guard let parts = message.array, parts.count == 3, parts[0].text == "message", parts[1].text == Self.channel,
            let payload = parts[2].text
        else { return nil }
        let words = payload.split(separator: " ")
        guard words.count == 5, let port = Int(words[4]) else { return nil }
        name = String(words[0])
        master = .tcp(host: String(words[3]), port: port)
    }
}
