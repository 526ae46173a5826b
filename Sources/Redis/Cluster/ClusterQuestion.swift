/// A command that one node of a cluster cannot answer for all of them: decision logic without I/O.
enum ClusterQuestion: Equatable {
    /// `PUBSUB NUMSUB`: each node counts its own subscribers.
    case subscribers
    /// `PUBSUB CHANNELS`: each node lists the channels of its own subscribers.
    case channels
    /// `INFO stats`, of which the number of channels is used.
    case channelCount
    /// `CLIENT LIST TYPE pubsub`.
    case subscribedClients
    /// `GET`: the key is at one of the nodes.
    case key

    /// - Returns: nil for a command that a node answers alone.
    init?(_ command: [RESPArgument]) {
        let words = command.prefix(4).map { if case .text(let text) = $0 { text.uppercased() } else { "" } }
        switch (words.first, words.dropFirst().first) {
        case ("PUBSUB", "NUMSUB"): self = .subscribers
        case ("PUBSUB", "CHANNELS"): self = .channels
        case ("INFO", "STATS") where words.count == 2: self = .channelCount
        case ("CLIENT", "LIST") where words.dropFirst(2) == ["TYPE", "PUBSUB"]: self = .subscribedClients
        case ("GET", _?): self = .key
        default: return nil
        }
    }

    /// The answer for all nodes.
    ///
    /// - Parameters:
    ///   - own: of the connected node; an error reply, or one of another shape, is the whole answer.
    ///   - others: of the other nodes, each with a number of its own.
    /// - Returns: nil if the reply of another node cannot be added.
    func merge(_ own: RESPValue, _ others: [(number: Int, reply: RESPValue)]) -> RESPValue? {
        switch self {
        case .subscribers: Self.sum(own, others.map(\.reply))
        case .channels: Self.union(own, others.map(\.reply))
        case .channelCount: Self.count(own, others.map(\.reply))
        case .subscribedClients: Self.list(own, others)
        case .key: own
        }
    }

    /// Names and numbers in turn, in the order of the question.
    private static func sum(_ own: RESPValue, _ others: [RESPValue]) -> RESPValue? {
        guard var sum = own.array, sum.count.isMultiple(of: 2) else { return own }
        for other in others {
            guard let parts = other.array, parts.count == sum.count else { return nil }
            for index in stride(from: 0, to: sum.count, by: 2) {
                guard parts[index] == sum[index], let more = parts[index + 1].integer, more >= 0,
                    let known = sum[index + 1].integer, case (let total, false) = known.addingReportingOverflow(more)
                else { return nil }
                sum[index + 1] = .integer(total)
            }
        }
        return .array(sum)
    }

    private static func union(_ own: RESPValue, _ others: [RESPValue]) -> RESPValue? {
        guard var names = own.array else { return own }
        var known: Set<[UInt8]> = []
        for case .bulk(let name) in names { known.insert(name) }
        for other in others {
            guard let parts = other.array else { return nil }
            for case .bulk(let name) in parts where known.insert(name).inserted { names.append(.bulk(name)) }
        }
        return .array(names)
    }

    /// The sum: PUBSUB CHANNELS blocks each node only for its own channels, but the reply lists those of all nodes.
    private static func count(_ own: RESPValue, _ others: [RESPValue]) -> RESPValue? {
        func channels(_ text: String) -> Int? { InfoFields(text)["pubsub_channels"].flatMap { Int($0) } }
        guard let text = own.text, var total = channels(text) else { return own }
        for other in others {
            guard let more = other.text.flatMap(channels), more >= 0,
                case (let sum, false) = total.addingReportingOverflow(more)
            else { return nil }
            total = sum
        }
        // If a field occurs twice, InfoFields takes the last one.
        return .bulk(Array("\(text)\r\npubsub_channels:\(total)\r\n".utf8))
    }

    /// One line per client. Two nodes may use the same id, so the ids of other nodes get a prefix.
    private static func list(_ own: RESPValue, _ others: [(number: Int, reply: RESPValue)]) -> RESPValue? {
        guard let text = own.text else { return own }
        var lines = text.split(whereSeparator: \.isNewline).map(String.init)
        for (number, reply) in others {
            guard let text = reply.text else { return nil }
            lines += text.split(whereSeparator: \.isNewline).map { line in
                let digits = line.dropFirst(3).prefix { $0.isASCII && $0.isNumber }
                guard line.hasPrefix("id="), let id = Int(digits), id < 1 << 48 else { return String(line) }
                return "id=\(number << 48 | id)\(line.dropFirst(3 + digits.count))"
            }
        }
        return .bulk(Array(lines.map { $0 + "\n" }.joined().utf8))
    }
}
