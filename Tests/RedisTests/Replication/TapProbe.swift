import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Redis

/// An event of a tap, in the order of the calls.
enum TapEvent: Equatable, Sendable {
    case syncing
    case attached(TapAttachment)
    case subscribed(Subscription)
    case envelope(ReceivedEnvelope)
    case detached(DisconnectCause, ReplicationPosition)
    case disconnected(DisconnectCause)
}

/// Runs a ``ReplicationTap`` of `chat` and `orders`, and records what it reports.
final class TapProbe: EnvelopeSink, TapObserver {
    private let recorded = Mutex<[TapEvent]>([])
    private let continuation: AsyncStream<TapEvent>.Continuation
    private let stream: AsyncStream<TapEvent>

    private init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// All events so far.
    var events: [TapEvent] { recorded.withLock { $0 } }

    /// The texts of all envelopes so far.
    var texts: [String] {
        events.compactMap { event in
            if case .envelope(let envelope) = event { String(decoding: envelope.payload, as: UTF8.self) } else { nil }
        }
    }

    var attachments: [TapAttachment] {
        events.compactMap { if case .attached(let attachment) = $0 { attachment } else { nil } }
    }

    /// Runs a tap until `body` returns, and checks that it ends by a stop.
    static func running(
        _ configuration: RedisConfiguration, names: [SubscribedName] = SubscribedName.plain(["chat", "orders"]),
        limits: TapLimits = TapLimits(), last: ReplicationPosition? = nil,
        lastFullSync: FullSyncTime = FullSyncTime(), timing: ReplicationTap.Timing? = nil,
        isolation: isolated (any Actor)? = #isolation, _ body: (ReplicationTap, inout Cursor) async throws -> Void
    ) async throws {
        let probe = TapProbe()
        let tap = ReplicationTap(
            configuration: configuration.watching(), names: names, header: .readable, limits: limits, last: last,
            lastFullSync: lastFullSync, timing: timing,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, sink: probe, observer: probe,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let run = Task { try await tap.run() }
        // An early end also ends the wait for events.
        let watch = Task {
            _ = await run.result
            probe.continuation.finish()
        }
        defer { watch.cancel() }
        var cursor = Cursor(of: probe)
        do {
            try await body(tap, &cursor)
        } catch {
            run.cancel()
            try await run.value
            throw error
        }
        run.cancel()
        try await run.value
    }

    /// Why a first attachment fails.
    static func failure(
        of configuration: RedisConfiguration, limits: TapLimits = TapLimits(),
        lastFullSync: FullSyncTime = FullSyncTime()
    ) async throws -> any Error {
        let tap = ReplicationTap(
            configuration: configuration.watching(), names: [], limits: limits, lastFullSync: lastFullSync,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, sink: TapProbe(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        do {
            try await tap.run()
        } catch {
            return error
        }
        throw TestFailure("the tap attached")
    }

    /// The events one at a time.
    struct Cursor: ~Copyable {
        let probe: TapProbe
        private var iterator: AsyncStream<TapEvent>.Iterator

        fileprivate init(of probe: TapProbe) {
            self.probe = probe
            iterator = probe.stream.makeAsyncIterator()
        }

        mutating func next() async throws -> TapEvent {
            try #require(await iterator.next(isolation: #isolation), "the tap ended: \(probe.events.suffix(5))")
        }

        /// Waits until the tap ends by itself.
        mutating func waitForEnd() async {
            while await iterator.next(isolation: #isolation) != nil {}
        }

        /// Skips everything before it.
        mutating func nextAttachment() async throws -> TapAttachment {
            while true {
                guard case .attached(let attachment) = try await next() else { continue }
                guard case .subscribed = try await next() else { throw TestFailure("not subscribed") }
                return attachment
            }
        }

        /// Skips everything before it.
        mutating func nextEnd() async throws -> DisconnectCause {
            while true {
                guard case .detached(let cause, _) = try await next() else { continue }
                let end = try await next()
                #expect(end == .disconnected(cause))
                return cause
            }
        }

        /// Skips everything before it.
        mutating func next(text: String) async throws {
            while try await next() != .envelope(ReceivedEnvelope(0, text)) {}
        }
    }

    // MARK: - What the tap calls

    func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }

    func deliver(_ batch: EnvelopeBatch) {
        for envelope in batch.envelopes { record(.envelope(envelope)) }
    }

    func subscribed(_ subscription: Subscription) { record(.subscribed(subscription)) }
    func disconnected(_ cause: DisconnectCause) { record(.disconnected(cause)) }
    func syncing(_ facts: TapFacts) { record(.syncing) }
    func attached(_ attachment: TapAttachment) { record(.attached(attachment)) }

    func detached(_ cause: DisconnectCause, at position: ReplicationPosition) { record(.detached(cause, position)) }

    private func record(_ event: TapEvent) {
        recorded.withLock { $0.append(event) }
        continuation.yield(event)
    }
}

extension RedisServer {
    /// Sends commands over one connection, to a server of any role; error replies are values.
    @discardableResult
    func ask(_ commands: [RESPArgument]..., isolation: isolated (any Actor)? = #isolation) async throws -> [RESPValue] {
        let client = try await RedisClient.connect(
            to: configuration.servers[0], of: configuration, purpose: .inquiry,
            on: MultiThreadedEventLoopGroup.singleton.next())
        var replies: [RESPValue] = []
        for command in commands { replies.append(try await client.ask(command)) }
        await client.close()
        return replies
    }

    /// A field of INFO.
    func info(_ name: String) async throws -> String? {
        InfoFields(try await ask(["INFO"])[0].text ?? "")[name]
    }

    /// Its offset, which must not move meanwhile.
    func offset() async throws -> Int64? { try await info("master_repl_offset").flatMap { Int64($0) } }

    /// Waits until it, a replica, has its master's stream.
    func waitForLink() async throws {
        try await eventually("the replica is linked") { try await info("master_link_status") == "up" ? true : nil }
    }
}
