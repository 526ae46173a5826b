import Capture
import JSON
import Loopback
import NIOCore
import NIOPosix
import Redis
import SignalRClient

/// A running check: connected clients, and functions shared by the steps.
struct CheckSession: Sendable {
    static let hub = "chatHub"
    /// Attempts for operations that fail if an envelope is lost.
    static let attempts = 5
    private static let pause: Duration = .milliseconds(200)
    /// A fence is one envelope; if it is lost, another follows after a random time in this range, so that periodic
    /// interruptions do not hit every fence.
    private static let fenceMilliseconds: ClosedRange<Int64> = 500...2_500
    /// How long the check waits for a node that receives nothing.
    private static let fencing: Duration = .seconds(30)

    var generation = CheckGeneration.signalR2
    let nodes: [CheckedNode]
    let participants: [Participant]
    let deliveryLog: DeliveryLog
    let redis: RedisConfiguration
    let channel: String
    let messages: Int
    let counter: CounterRecord

    var everyone: Set<Int> { Set(participants.map(\.index)) }

    /// Whether there are clients with stateful reconnect.
    var hasStateful: Bool { participants.contains(where: \.isStateful) }

    // MARK: - Sending

    /// The recipients of a message, and how it is measured.
    struct Expectation: Sendable {
        let step: CheckStep
        /// The hub method to call; the text is its last argument.
        let call: String
        var arguments: [JSONTree] = []
        /// The client method that the hub calls.
        let method: String
        let recipients: Set<Int>
        var isMeasured = true
    }

    /// Sends a message from a client, and retries with a new number if its node cannot publish it.
    ///
    /// - Throws: ``SetupError`` if it keeps failing; `RedisError` if Redis is the reason.
    func send(_ expected: Expectation, from sender: Participant) async throws {
        try await retry("\(sender.name) calls \(expected.call)") {
            let message = deliveryLog.enter(
                Ledger.Entry(
                    step: expected.step, method: expected.method, sender: sender.index, recipients: expected.recipients,
                    sentAt: expected.isMeasured ? NIODeadline.now().uptimeNanoseconds : nil))
            do {
                try await sender.client.call(
                    expected.call, expected.arguments + [.string(deliveryLog.text.text(message))])
                deliveryLog.answered(message)
            } catch {
                deliveryLog.release(message)
                throw error
            }
        }
    }

    /// Ensures that everything sent before has arrived or never will: sends a message to everyone and waits until all
    /// have received it. A node that misses it learns from the next one what it missed.
    ///
    /// - Throws: ``SetupError`` naming the clients that receive nothing.
    func fence(_ step: CheckStep, except absent: Set<Int> = []) async throws {
        let present = participants.filter { !absent.contains($0.index) }
        var sent: Set<Int> = []
        let end = ContinuousClock.now + Self.fencing
        while ContinuousClock.now < end {
            let sender = present[sent.count % present.count]
            let message = deliveryLog.enter(
                Ledger.Entry(
                    step: step, method: "broadcastMessage", sender: sender.index, recipients: everyone, sentAt: nil,
                    isDue: false))
            sent.insert(message)
            do {
                try await sender.client.call("send", ["fence", .string(deliveryLog.text.text(message))])
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                deliveryLog.note("\(step.title): \(sender.name) could not send a fence: \(error)")
            }
            let arrived = await deliveryLog.wait(
                forAnyOf: sent, at: Set(present.map(\.index)),
                timeout: .milliseconds(.random(in: Self.fenceMilliseconds)),
                on: MultiThreadedEventLoopGroup.singleton.any())
            if arrived { return }
            try Task.checkCancellation()
        }
        try await requireRedis()
        let ledger = deliveryLog.ledger
        let deaf = present.filter { participant in
            !ledger.arrivals[participant.index].contains { sent.contains($0.message) }
        }
        throw SetupError(
            "\(deaf.map(\.name).joined(separator: ", ")) received none of \(Quantity.text(sent.count, "message")) to all "
                + "within \(Self.fencing.components.seconds) s; \(deafness)")
    }

    /// Why clients may receive nothing.
    var deafness: String {
        guard let reset = CounterRecord.text(of: resets, channel: channel) else {
            return "look at the log of the node and at its connection to Redis"
        }
        return "\(reset): clients with a higher cursor receive nothing until the counter has passed it, or until they "
            + "start a new connection. Was FLUSHALL run or the key deleted, or did Redis restart without its data?"
    }

    /// Counter resets from the most precise source: the nodes, envelopes, or the key.
    var resets: [CounterReset] {
        let logged = nodes.compactMap { $0.log?.current.resets }.max { $0.count < $1.count } ?? []
        let seen = counter.resets
        return logged.count >= seen.count ? logged : seen
    }

    /// A step could not be carried out: its results so far are kept.
    func abandon(_ step: CheckStep, because error: SetupError) {
        deliveryLog.fault(step, "could not prove \(step.proof): \(error)")
        // Clients that should have returned are still away.
        if [.reconnect, .statefulReconnect, .otherNode].contains(step) { deliveryLog.release(all: step) }
        let left = generation.steps.drop { $0 != step }.dropFirst().map(\.title)
        if !left.isEmpty { deliveryLog.note("skipped after that: \(left.joined(separator: ", "))") }
    }

    // MARK: - Trying again

    /// Retries an operation that fails if an envelope is lost, up to a limit, and notes each failure.
    ///
    /// - Throws: `RedisError` if Redis cannot be reached; otherwise the last failure with its context.
    @discardableResult
    func retry<Value: Sendable>(
        _ what: String, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        var attempt = 1
        while true {
            do {
                return try await body()
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                try Task.checkCancellation()
                guard attempt < Self.attempts, Self.mayPass(error) else {
                    try await requireRedis()
                    throw SetupError(
                        "\(what): \(error)\(attempt > 1 ? " (tried \(attempt) times)" : "")",
                        cause: error as? SignalRClientError)
                }
                deliveryLog.note("\(what): \(error); tried again")
                try await Task.sleep(for: Self.pause * attempt)
                attempt += 1
            }
        }
    }

    /// Whether the error may be temporary.
    private static func mayPass(_ error: any Error) -> Bool {
        switch error {
        case is CallError: true
        case let error as SignalRClientError:
            switch error {
            case .timedOut, .notInitialized, .transportLost, .closedByHub, .notConnected, .stopped: true
            case .badURL, .cannotConnect, .refused, .badAnswer, .notCore, .refusedByHub, .badAuthorities, .misuse:
                false
            }
        default: false
        }
    }

    /// - Throws: `RedisError`, so that a dead Redis is named instead of its consequences.
    func requireRedis() async throws {
        try await RedisProbe.require(redis)
    }

    // MARK: - In parallel

    /// Runs `body` for all participants concurrently.
    func all(_ participants: [Participant], _ body: @escaping @Sendable (Participant) async throws -> Void) async throws
    {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for participant in participants { group.addTask { try await body(participant) } }
            // Unlike waitForAll(), stops the others when one has failed.
            for try await _ in group {}
        }
    }
}
