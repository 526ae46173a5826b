import Backplane
import Prometheus
import Redis
import Time

/// Analyzes each envelope of one hub of ASP.NET Core in place: kind, method, protocols, group commands and acks, calls
/// that wait for a result, addressed channels, size. This wire has no ids and no times.
///
/// As with SignalR 2, application data is not parsed: only the start of a frame, for the method. Readers of a capture
/// parse everything, and may find more that does not decode.
///
/// Counts per envelope in plain integers; ``publish()`` adds them to the shared metrics per batch.
struct CoreObserver {
    private let metrics: ChannelMetrics
    private let own: CoreMetrics
    private let prefixCount: Int
    private let rootCount: Int
    /// Its class, for display.
    private let hub: String
    private let hash = ByteHash()
    private var acks = AckTracker()
    private var results = AckTracker()
    private var calls: CallCounts
    private var signals = ActiveSignals()
    private var protocols = ProtocolMix()

    private var envelopes = 0
    private var bytes = 0
    /// By raw value. Inline: with many hubs each array access is a cache miss.
    private var kinds = InlineArray<7, Int>(repeating: 0)
    private var commands = InlineArray<2, Int>(repeating: 0)
    private var undecodable: [Int]
    private var odd: [Int]
    private var sizes: HistogramAccumulator
    private var ackDurations: HistogramAccumulator
    /// nil until the first call for a result.
    private var missingResults: Counter?
    private var lastReceivedAt: UInt64 = 0
    private var largest = LargestEnvelope()

    /// - Parameter own: the part of `metrics` specific to this wire.
    init(metrics: ChannelMetrics, own: CoreMetrics, hub: CoreHub) {
        self.metrics = metrics
        self.own = own
        prefixCount = hub.prefix.utf8.count
        rootCount = hub.root.count
        self.hub = Array(hub.type.utf8).withUnsafeBytes {
            String(decoding: CoreEnvelopeView.className($0), as: UTF8.self)
        }
        calls = CallCounts(metrics.hubInvocations, channel: metrics.channel, .core)
        precondition(kinds.count == CoreKind.allCases.count)
        precondition(commands.count == CoreGroupCommandView.Action.allCases.count)
        undecodable = Array(repeating: 0, count: CoreError.Reason.allCases.count)
        odd = Array(repeating: 0, count: metrics.odd.count)
        sizes = HistogramAccumulator(like: metrics.envelopeSize)
        ackDurations = HistogramAccumulator(like: metrics.groupAckDuration)
    }

    /// - Parameter bytes: a ``CoreRecord``.
    @inline(__always)
    mutating func observe(_ bytes: UnsafeRawBufferPointer, receivedAt: UInt64) {
        do throws(CoreError) {
            let record = try CoreRecord(bytes)
            received(record.payload.count, at: receivedAt)
            observe(record, at: receivedAt)
        } catch {
            received(bytes.count, at: receivedAt)
            undecodable[Int(error.reason.rawValue)] &+= 1
        }
    }

    /// A payload of which only the start was kept.
    mutating func passedOver(_ payload: SkippedPayload) {
        received(payload.bytes, at: payload.receivedAt)
        // It may have contained an ack or a result.
        missedSomething()
    }

    @inline(__always)
    private mutating func received(_ size: Int, at time: UInt64) {
        envelopes &+= 1
        bytes &+= size
        lastReceivedAt = time
        sizes.observe(Double(size))
        largest.observe(size)
    }

    @inline(__always)
    private mutating func observe(_ record: CoreRecord, at time: UInt64) {
        guard let name = channelName(record) else {
            undecodable[Int(CoreError.Reason.foreignChannel.rawValue)] &+= 1
            return
        }
        do throws(CoreError) {
            // Not by ``CorePayloadView``: a large enum would be copied for each envelope.
            let oddities: CoreOddities
            switch name.kind {
            case .all, .group, .user, .connection:
                let invocation = try CoreInvocationView(record.payload)
                try observe(invocation, of: record, at: time)
                oddities = invocation.oddities
            case .groupCommand:
                let command = try CoreGroupCommandView(record.payload)
                observe(command, at: time)
                oddities = command.oddities
            case .ack:
                let ack = try CoreAckView(record.payload)
                answered(name.name, ack.id, at: time)
                oddities = ack.oddities
            case .result:
                let completion = try CoreCompletionView(record.payload)
                try observe(completion, at: time)
                oddities = completion.oddities
            }
            kinds[Int(name.kind.rawValue)] &+= 1
            if !oddities.isEmpty { count(oddities) }
        } catch {
            undecodable[Int(error.reason.rawValue)] &+= 1
            // It is unknown what it answers.
            switch name.kind {
            case .ack: acks.forget()
            case .result: results.forget()
            case .all, .group, .user, .connection, .groupCommand: break
            }
        }
    }

    @inline(__always)
    private func channelName(_ record: CoreRecord) -> CoreChannelName? {
        guard record.channel.count > rootCount else { return nil }
        return CoreChannelName(record.channel, rootCount: rootCount)
    }

    @inline(__always)
    private mutating func observe(
        _ invocation: CoreInvocationView, of record: CoreRecord, at time: UInt64
    ) throws(CoreError) {
        // Only the start of a frame is read: parsing all of it would dominate the cost.
        if let call = CoreCallName(quickly: invocation) {
            calls.observe(method: call, hub: hub)
        } else if let method = try invocation.message()?.target {
            calls.observe(method: method, hub: hub)
        }
        signals.insert(record.channel)
        protocols.invocation(Self.protocols(invocation))
        if invocation.asksForResult { asked(invocation, at: time) }
    }

    // MARK: - Protocols

    @inline(__always)
    private static func protocols(_ invocation: CoreInvocationView) -> UInt8 {
        var set: UInt8 = 0
        if invocation.json != nil { set |= ProtocolMix.json }
        if invocation.messagePack != nil { set |= ProtocolMix.messagePack }
        if invocation.frameCount > set.nonzeroBitCount { set |= others(invocation) }
        return set
    }

    /// A protocol with two frames also gives more frames than protocols.
    @inline(never)  // Hardly ever called.
    private static func others(_ invocation: CoreInvocationView) -> UInt8 {
        var set: UInt8 = 0
        invocation.forEachFrame { name, _ in
            if CoreProtocol(name) == .other { set = ProtocolMix.other }
        }
        return set
    }

    private static func protocols(_ completion: CoreCompletionView) -> UInt8 {
        switch CoreProtocol(completion.protocolName) {
        case .json: ProtocolMix.json
        case .messagePack: ProtocolMix.messagePack
        case .other: ProtocolMix.other
        }
    }

    // MARK: - Questions and answers

    private mutating func observe(_ command: CoreGroupCommandView, at time: UInt64) {
        // Nodes ignore other actions, and acknowledge none of them.
        guard let action = command.action else { return }
        commands[Int(action.rawValue) - 1] &+= 1
        acks.sent(key(command.server, command.id), at: time)
    }

    private mutating func answered(_ server: UnsafeRawBufferPointer, _ id: Int32, at time: UInt64) {
        guard let duration = acks.answered(key(server, id), at: time) else { return }
        ackDurations.observe(Double(duration) * 1e-9)
    }

    /// Ids are unique per server.
    private func key(_ server: UnsafeRawBufferPointer, _ id: Int32) -> UInt64 {
        hash.of(server) ^ UInt64(UInt32(bitPattern: id)) &* 0x9E37_79B9_7F4A_7C15
    }

    private mutating func asked(_ invocation: CoreInvocationView, at time: UInt64) {
        guard let id = invocation.invocationID else { return }
        if missingResults == nil { missingResults = own.missingResults() }
        results.sent(hash.of(id), at: time)
    }

    private mutating func observe(_ completion: CoreCompletionView, at time: UInt64) throws(CoreError) {
        let message = try completion.message()
        protocols.completion(Self.protocols(completion))
        // Only the frame contains the id of the call.
        guard let id = message?.invocationID else { return results.forget() }
        if id.hasEscapes {
            var text = id.text
            _ = text.withUTF8 { results.answered(hash.of(UnsafeRawBufferPointer($0)), at: time) }
        } else {
            _ = results.answered(hash.of(id.raw), at: time)
        }
    }

    /// Missed envelopes may have contained acks or results.
    mutating func missedSomething() {
        acks.forget()
        results.forget()
    }

    // MARK: - Time

    @inline(never)  // Hardly ever called.
    private mutating func count(_ oddities: CoreOddities) {
        for bit in odd.indices where oddities.contains(CoreOddities(rawValue: 1 << UInt8(bit))) { odd[bit] &+= 1 }
    }

    /// Periodic work without envelopes; about once a second.
    mutating func tick(_ now: Moment) {
        let seconds = now.monotonic / 1_000_000_000
        signals.advance(to: seconds)
        largest.advance(to: seconds)
        protocols.advance(to: seconds)
        metrics.activeSignals.set(Double(signals.count))
        metrics.setLargestEnvelope(largest.value)
        let missing = acks.expire(at: now.realtime)
        if missing > 0 { metrics.groupAcksMissing.increment(by: missing) }
        let unanswered = results.expire(at: now.realtime)
        if unanswered > 0 { missingResults?.increment(by: unanswered) }
    }

    /// Adds the counts since the last call to the shared metrics.
    mutating func publish() {
        guard envelopes > 0 else { return }
        metrics.envelopes.increment(by: envelopes)
        metrics.envelopeBytes.increment(by: bytes)
        for index in kinds.indices where kinds[index] > 0 {
            metrics.messages[index].increment(by: kinds[index])
            kinds[index] = 0
        }
        for index in commands.indices where commands[index] > 0 {
            metrics.commands[index].increment(by: commands[index])
            commands[index] = 0
        }
        calls.publish()
        let own = own
        protocols.take { index, carried, lacking in
            own.protocolEnvelopes[index].increment(by: carried)
            own.protocolMissing[index].increment(by: lacking)
        }
        metrics.groupAckDuration.merge(&ackDurations)
        for index in undecodable.indices where undecodable[index] > 0 {
            metrics.undecodable[index].increment(by: undecodable[index])
            undecodable[index] = 0
        }
        for index in odd.indices where odd[index] > 0 {
            metrics.odd[index].increment(by: odd[index])
            odd[index] = 0
        }
        metrics.envelopeSize.merge(&sizes)
        metrics.lastEnvelopeTimestamp.set(Double(lastReceivedAt) * 1e-9)
        envelopes = 0
        bytes = 0
    }
}
