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
    private let own: CoreMetrics
    private let rootCount: Int
    /// Its class, for display.
    private let hub: String
    private let hash = ByteHash()
    private var counts: EnvelopeCounts
    /// Calls that wait for a client's result.
    private var results = AckTracker()
    private var protocols = ProtocolMix()
    /// nil until the first call for a result.
    private var missingResults: Counter?

    /// - Parameter own: the part of `metrics` specific to this wire.
    init(metrics: ChannelMetrics, own: CoreMetrics, hub: CoreHub) {
        self.own = own
        rootCount = hub.root.count
        self.hub = Array(hub.type.utf8).withUnsafeBytes {
            String(decoding: CoreEnvelopeView.className($0), as: UTF8.self)
        }
        counts = EnvelopeCounts(metrics)
    }

    /// - Parameter bytes: a ``CoreRecord``.
    @inline(__always)
    mutating func observe(_ bytes: UnsafeRawBufferPointer, receivedAt: UInt64) {
        do throws(CoreError) {
            let record = try CoreRecord(bytes)
            counts.received(record.payload.count, at: receivedAt)
            observe(record, at: receivedAt)
        } catch {
            counts.received(bytes.count, at: receivedAt)
            counts.undecodable(error.reason.rawValue)
        }
    }

    /// A payload of which only the start was kept.
    mutating func passedOver(_ payload: SkippedPayload) {
        counts.received(payload.bytes, at: payload.receivedAt)
        // It may have contained an ack or a result.
        missedSomething()
    }

    @inline(__always)
    private mutating func observe(_ record: CoreRecord, at time: UInt64) {
        guard let name = channelName(record) else {
            counts.undecodable(CoreError.Reason.foreignChannel.rawValue)
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
                counts.acknowledged(key(name.name, ack.id), at: time)
                oddities = ack.oddities
            case .result:
                let completion = try CoreCompletionView(record.payload)
                try observe(completion, at: time)
                oddities = completion.oddities
            }
            counts.message(Int(name.kind.rawValue))
            if !oddities.isEmpty { counts.odd(oddities) }
        } catch {
            counts.undecodable(error.reason.rawValue)
            // It is unknown which command or call it answers.
            switch name.kind {
            case .ack: counts.forgetCommands()
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
            counts.call(call, hub: hub)
        } else if let method = try invocation.message()?.target {
            counts.call(method, hub: hub)
        }
        counts.addressed(record.channel)
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

    // MARK: - Commands, calls, and their answers

    private mutating func observe(_ command: CoreGroupCommandView, at time: UInt64) {
        // Nodes ignore other actions, and acknowledge none of them.
        guard let action = command.action else { return }
        // A relay's ping is no change of a group, and is sent to connections that may have ended.
        guard !CorePing.isSender(command.server) else { return }
        counts.command(Int(action.rawValue) - 1)
        counts.asked(key(command.server, command.id), at: time)
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
        counts.forgetCommands()
        results.forget()
    }

    // MARK: - Time

    /// Periodic work without envelopes; about once a second.
    mutating func tick(_ now: Moment) {
        counts.tick(now)
        protocols.advance(to: now.monotonic / 1_000_000_000)
        let unanswered = results.expire(at: now.realtime)
        if unanswered > 0 { missingResults?.increment(by: unanswered) }
    }

    /// Adds the counts since the last call to the shared metrics.
    mutating func publish() {
        guard counts.publish() else { return }
        let own = own
        protocols.take { index, carried, lacking in
            own.protocolEnvelopes[index].increment(by: carried)
            own.protocolMissing[index].increment(by: lacking)
        }
    }
}

/// The hub protocols of a hub's envelopes, and envelopes that lack a protocol that others have.
///
/// A node without a protocol sends envelopes without its frames, and every other node disconnects recipients that use
/// it. A protocol absent from all envelopes is dropped after 5 to 10 minutes: it was switched off. A value without I/O.
struct ProtocolMix {
    /// Of the bits of a set.
    static let labels = ["json", "messagepack", "other"]
    static let json: UInt8 = 1
    static let messagePack: UInt8 = 2
    static let other: UInt8 = 4
    /// Seconds of one span. Protocols of the current and the previous span count.
    static let span: UInt64 = 300

    /// Envelopes by set, since the last ``take(_:)``.
    private var sets = InlineArray<8, Int>(repeating: 0)
    private var lacking = InlineArray<3, Int>(repeating: 0)
    /// Protocols of the current and the previous span.
    private var current: UInt8 = 0
    private var before: UInt8 = 0
    private var number: UInt64 = 0

    /// - Parameter set: its protocols.
    @inline(__always)
    mutating func invocation(_ set: UInt8) {
        sets[Int(set & 7)] &+= 1
        current |= set
        let missing = (current | before) & ~set
        if missing != 0 { lack(missing) }
    }

    /// A client's result has only its own protocol.
    mutating func completion(_ set: UInt8) { sets[Int(set & 7)] &+= 1 }

    @inline(never)
    private mutating func lack(_ set: UInt8) {
        for bit in lacking.indices where set & 1 << UInt8(bit) != 0 { lacking[bit] &+= 1 }
    }

    /// - Parameter seconds: on a monotonic clock.
    mutating func advance(to seconds: UInt64) {
        let now = seconds / Self.span
        guard now > number else { return }
        before = now == number + 1 ? current : 0
        current = 0
        number = now
    }

    /// The counts since the last call.
    ///
    /// - Parameter body: receives the index of a protocol, the number of envelopes that have it, and of those that lack
    ///   it.
    mutating func take(_ body: (_ index: Int, _ carried: Int, _ lacking: Int) -> Void) {
        for bit in lacking.indices {
            var carried = 0
            for set in sets.indices where set & 1 << bit != 0 { carried &+= sets[set] }
            if carried > 0 || lacking[bit] > 0 { body(bit, carried, lacking[bit]) }
            lacking[bit] = 0
        }
        sets = InlineArray(repeating: 0)
    }
}
