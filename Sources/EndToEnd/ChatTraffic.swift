import SignalRBackplane

/// Makes up what the nodes of a chat application publish: connects, joins with their acks, messages to all, to groups and
/// to users, mostly short, sometimes long. The mix resembles a recorded session of two real nodes.
struct ChatTraffic {
    private static let hub = "chatHub"
    private static let rooms = ["support", "ops", "lobby", "random", "部屋1"]
    private static let words = [
        "hello", "there", "did", "you", "see", "the", "deploy", "it", "works", "again", "thanks", "looking", "into",
        "it",
        "coffee", "ticket", "customer", "says", "page", "is", "slow", "now", "fine", "👍", "rollback", "tomorrow",
        "über",
        "meeting", "at", "ten", "who", "is", "on", "call",
    ]

    private struct Connection {
        let id: String
        let user: String
        var room: String?
    }

    private var random: SplitMix64
    private var connections: [Connection] = []

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
    }

    /// The next thing that happens, as the messages that it makes nodes publish: one envelope each, in this order.
    mutating func next() -> [Message] {
        if connections.count < 6 { return [connect()] }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<2 where connections.count < 200: return [connect()]
        case 0..<6: return changeRoom()
        case 6..<60: return [sendToAll()]
        case 60..<90: return [sendToRoom()]
        default: return [sendToUser()]
        }
    }

    /// True where people would rest for a moment.
    mutating func pauses() -> Bool {
        Int.random(in: 0..<3, using: &random) == 0
    }

    // MARK: - What happens

    private mutating func connect() -> Message {
        let connection = Connection(id: guid(), user: "user\(connections.count)")
        connections.append(connection)
        return command(.initializing, value: nil, to: connection.id, waitForAck: false)
    }

    /// Leaves the room or joins one; the owner of the connection acknowledges.
    private mutating func changeRoom() -> [Message] {
        let index = Int.random(in: connections.indices, using: &random)
        let connection = connections[index]
        let request: Message
        if let room = connection.room {
            connections[index].room = nil
            request = command(.removeFromGroup, value: "hg-\(Self.hub).\(room)", to: connection.id, waitForAck: true)
        } else {
            let room = pick(Self.rooms)
            connections[index].room = room
            request = command(.addToGroup, value: "hg-\(Self.hub).\(room)", to: connection.id, waitForAck: true)
        }
        let ack = Message(
            source: connection.id, key: Signal.ack.key, value: [], commandID: request.commandID, waitForAck: false,
            isAck: true, filter: "")
        return [request, ack]
    }

    private mutating func sendToAll() -> Message {
        let sender = pick(connections)
        return invocation(
            "broadcastMessage", [sender.user, text()], from: sender.id, signal: .hub(Self.hub), filter: "")
    }

    private mutating func sendToRoom() -> Message {
        let sender = pick(connections)
        let excludesSender = Bool.random(using: &random)
        return invocation(
            "groupMessage", [pick(Self.rooms), sender.user, text()], from: sender.id,
            signal: .group(hub: Self.hub, group: pick(Self.rooms)),
            filter: excludesSender ? "c-\(sender.id)|hc-\(Self.hub).\(sender.id)" : "")
    }

    private mutating func sendToUser() -> Message {
        let sender = pick(connections)
        return invocation(
            "userMessage", [sender.user, text()], from: sender.id,
            signal: .user(hub: Self.hub, userID: pick(connections).user), filter: "")
    }

    // MARK: - Pieces

    private mutating func command(
        _ type: CommandType, value: String?, to connection: String, waitForAck: Bool
    ) -> Message {
        let command = Command(waitForAck: waitForAck, id: guid(), type: type, value: value)
        return Message(
            source: connection, key: Signal.connection(connection).key, value: command.encoded(), commandID: command.id,
            waitForAck: waitForAck, isAck: false, filter: "")
    }

    private func invocation(
        _ method: String, _ arguments: [String], from source: String, signal: Signal, filter: String
    ) -> Message {
        // The words above hold nothing that JSON escapes.
        let list = arguments.map { "\"\($0)\"" }.joined(separator: ",")
        let json = #"{"H":"\#(Self.hub)","M":"\#(method)","A":[\#(list)]}"#
        return Message(
            source: source, key: signal.key, value: Array(json.utf8), commandID: "", waitForAck: false, isAck: false,
            filter: filter)
    }

    private mutating func text() -> String {
        // Mostly a line; now and then a pasted log.
        let count = Int.random(in: 0..<50, using: &random) == 0 ? 600 : Int.random(in: 2...18, using: &random)
        return (0..<count).map { _ in pick(Self.words) }.joined(separator: " ")
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &random)]
    }

    private mutating func guid() -> String {
        var text = ""
        for group in [8, 4, 4, 4, 12] {
            if !text.isEmpty { text += "-" }
            for _ in 0..<group { text += String(random.next() & 15, radix: 16) }
        }
        return text
    }
}

/// A small generator with a seed, so that a run can be repeated.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
