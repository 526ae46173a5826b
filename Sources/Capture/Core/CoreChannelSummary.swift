import Backplane

extension CaptureSummary {
    /// Members specific to a hub of ASP.NET Core.
    package struct Core: Sendable, Encodable, Equatable {
        /// What `info` says about completeness.
        package static let incompleteness =
            "completeness is unknown: this wire has no ids, and nothing in the capture counts what was published"

        /// The `ChannelPrefix` of the nodes; empty for none.
        package var prefix = ""
        /// Full type name of the hub.
        package var hub = ""
        /// Invocations and results with a frame, by hub protocol.
        package var protocols: [String: Int] = [:]
        /// Invocations without a frame for a protocol that other invocations of the hub contain, by protocol: nodes
        /// disconnect recipients that use that protocol.
        package var lackingProtocol: [String: Int] = [:]
        /// Group commands recorded.
        package var groupCommands = 0
        /// Commands that no node answered within 30 s: the sender gave up.
        package var commandsWithoutAck = 0
        /// Commands still within their 30 s at the last envelope.
        package var commandsWaiting = 0
        /// Acks whose command is not in the capture.
        package var acksWithoutCommand = 0
        /// Pings of a relay (`run --ping`), which are not counted as commands.
        package var pings = 0
        /// Acks to such pings.
        package var pingAcks = 0
        /// What the offsets of a replication stream say about completeness; nil if the recording came by a
        /// subscription.
        package var replication: ReplicationProof?

        /// Upper bound of the envelopes of all channels that interruptions lost, by markers; nil if no such interruption was
        /// recorded.
        package var missingAtMost: Int?

        /// What `info` says about completeness, as a sentence.
        package var completeness: String {
            if let replication = replication?.text { return replication }
            guard let missingAtMost else { return Self.incompleteness }
            let count = Quantity.text(Int64(missingAtMost), "envelope")
            return
                "completeness is unknown: this wire has no ids; according to markers, interruptions lost at most \(count) of all channels together"
        }

        enum CodingKeys: String, CodingKey {
            case prefix, hub, protocols, pings
            case lackingProtocol = "lacking_protocol"
            case groupCommands = "group_commands"
            case commandsWithoutAck = "commands_without_ack"
            case commandsWaiting = "commands_waiting"
            case acksWithoutCommand = "acks_without_command"
            case pingAcks = "ping_acks"
            case missingAtMost = "missing_at_most"
        }
    }
}

/// Counts the envelopes of one hub while a capture is read.
struct CoreChannelCounter {
    /// Maximum number of distinct protocols; nodes have one to three.
    private static let protocolLimit = 16

    private var channel: CaptureSummary.Channel
    private let form: EnvelopeForm
    private var kinds = [Int](repeating: 0, count: CoreKind.allCases.count)
    private var reasons = [Int](repeating: 0, count: CoreError.Reason.allCases.count)
    private var oddities: [UInt8: Int] = [:]
    private var protocols: [[UInt8]] = []
    private var carried: [Int] = []
    /// Invocations by set of protocols, one bit each.
    private var sets: [UInt16: Int] = [:]
    private var commands = CoreCommandTracker()
    private var (pings, pingAcks) = (0, 0)

    init(channel: String, form: EnvelopeForm) {
        self.channel = CaptureSummary.Channel(channel: channel)
        self.form = form
        var core = CaptureSummary.Core()
        if case .core(let prefixCount, _) = form {
            let bytes = Array(channel.utf8)
            core.prefix = String(decoding: bytes.prefix(prefixCount), as: UTF8.self)
            core.hub = String(decoding: bytes.dropFirst(prefixCount), as: UTF8.self)
        }
        self.channel.core = core
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer, at time: UInt64) {
        let size = (try? CoreRecord(bytes))?.payload.count ?? bytes.count
        channel.smallest = channel.envelopes == 0 ? size : min(channel.smallest, size)
        channel.largest = max(channel.largest, size)
        channel.envelopes += 1
        channel.bytes += size
        commands.advance(to: time)
        guard case .core(let prefixCount, let rootCount) = form else { return }
        do throws(CoreError) {
            let view = try CoreEnvelopeView(bytes, prefixCount: prefixCount, rootCount: rootCount)
            kinds[Int(view.name.kind.rawValue)] += 1
            let odd = view.payload.oddities.rawValue
            if odd != 0 { oddities[odd, default: 0] += 1 }
            count(view, at: time)
        } catch {
            reasons[Int(error.reason.rawValue)] += 1
        }
    }

    private mutating func count(_ view: CoreEnvelopeView, at time: UInt64) {
        switch view.payload {
        case .invocation(let invocation):
            var set: UInt16 = 0
            invocation.forEachFrame { name, _ in
                if let index = note(name) { set |= 1 << UInt16(index) }
            }
            sets[set, default: 0] += 1
        case .completion(let completion): _ = note(completion.protocolName)
        // A relay's pings ask connections that may have ended.
        case .groupCommand where CorePing.isPing(view.name, view.payload): pings += 1
        case .ack where CorePing.isPing(view.name, view.payload): pingAcks += 1
        case .groupCommand(let command): commands.command(server: command.server, id: command.id, at: time)
        case .ack(let ack): _ = commands.ack(server: view.name.name, id: ack.id, at: time)
        }
    }

    /// - Returns: the protocol's index; nil beyond the limit.
    private mutating func note(_ name: UnsafeRawBufferPointer) -> Int? {
        if let index = protocols.firstIndex(where: { name.elementsEqual($0) }) {
            carried[index] += 1
            return index
        }
        guard protocols.count < Self.protocolLimit else { return nil }
        protocols.append(Array(name))
        carried.append(1)
        return protocols.count - 1
    }

    /// - Parameter replication: what the recording says; nil without a replication stream.
    func summary(_ replication: ReplicationProof?, _ missingAtMost: Int? = nil) -> CaptureSummary.Channel {
        var summary = channel
        for kind in CoreKind.allCases where kinds[Int(kind.rawValue)] > 0 {
            summary.messages[kind.label] = kinds[Int(kind.rawValue)]
        }
        for reason in CoreError.Reason.allCases where reasons[Int(reason.rawValue)] > 0 {
            summary.undecodable[reason.label] = reasons[Int(reason.rawValue)]
        }
        for (set, count) in oddities {
            for label in CoreOddities(rawValue: set).labels { summary.oddities[label, default: 0] += count }
        }
        summary.core = core
        summary.core?.replication = replication
        summary.core?.missingAtMost = missingAtMost
        return summary
    }

    private var core: CaptureSummary.Core {
        var core = channel.core ?? CaptureSummary.Core()
        let all = sets.keys.reduce(0, |)
        for (index, name) in protocols.enumerated() {
            let label = String(decoding: name, as: UTF8.self)
            core.protocols[label, default: 0] += carried[index]
            let bit: UInt16 = 1 << UInt16(index)
            guard all & bit != 0 else { continue }
            let lacking = sets.filter { $0.key & bit == 0 }.values.reduce(0, +)
            if lacking > 0 { core.lackingProtocol[label, default: 0] += lacking }
        }
        core.groupCommands = commands.commands
        core.commandsWithoutAck = commands.unanswered
        core.commandsWaiting = commands.waiting
        core.acksWithoutCommand = commands.acksWithoutCommand
        (core.pings, core.pingAcks) = (pings, pingAcks)
        return core
    }
}
