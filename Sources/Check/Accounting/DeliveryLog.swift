import Histogram
import JSON
import NIOConcurrencyHelpers
import NIOCore
import SignalRClient

/// Collects everything that clients receive and nodes publish. Thread-safe, non-blocking.
final class DeliveryLog: Sendable {
    private struct ProgressKey: Hashable {
        let client: Int
        let call: Int
        let value: Int64
    }

    private struct Wait {
        /// Identifies the wait, so that a late timer does not end the next one.
        let number: Int
        /// Any one of these suffices.
        var messages: Set<Int>
        var clients: Set<Int>
        let promise: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var ledger: Ledger
        var progress: [ProgressKey: Int] = [:]
        var clients: [String: Int] = [:]
        /// The id of each client's previous connection.
        var left: [Int: String] = [:]
        var latency = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
        var wait: Wait?
        var waits = 0
        var faults: [(step: CheckStep, text: String)] = []
        /// In order of first occurrence, with counts.
        var notes: [(text: String, times: Int)] = []
    }

    let text: CheckText
    private let state: NIOLockedValueBox<State>

    init(homes: [Int], text: CheckText) {
        self.text = text
        state = NIOLockedValueBox(State(ledger: Ledger(homes: homes)))
    }

    var ledger: Ledger { state.withLockedValue { $0.ledger } }
    var latency: Histogram<UInt64> { state.withLockedValue { $0.latency } }
    var faults: [(step: CheckStep, text: String)] { state.withLockedValue { $0.faults } }
    var notes: [String] {
        state.withLockedValue { $0.notes }.map { $0.times > 1 ? "\($0.text) (\($0.times) times)" : $0.text }
    }

    // MARK: - Sending

    func enter(_ entry: Ledger.Entry) -> Int {
        var entry = entry
        entry.calledAt = NIODeadline.now().uptimeNanoseconds
        return state.withLockedValue { [entry] in $0.ledger.enter(entry) }
    }

    /// The sender's node has answered: the message is published.
    func answered(_ message: Int) {
        state.withLockedValue { $0.ledger.answered(message, at: NIODeadline.now().uptimeNanoseconds) }
    }

    /// Records the id of a connection that a client is about to replace.
    func note(connection: String?, of client: Int) {
        state.withLockedValue { $0.left[client] = connection }
    }

    /// Whether this is the id of the client's previous connection.
    func isKnown(connection: String?, of client: Int) -> Bool {
        state.withLockedValue { $0.left[client] == connection }
    }

    func release(_ message: Int) {
        state.withLockedValue { $0.ledger.release(message) }
    }

    /// The step could not be carried out: its messages need not arrive.
    func release(all step: CheckStep) {
        state.withLockedValue { state in
            for (message, entry) in state.ledger.entries.enumerated() where entry.step == step {
                state.ledger.release(message)
            }
        }
    }

    /// Whether one of the messages arrived on the channel, or its node reported it.
    func isPublished(anyOf messages: Set<Int>) -> Bool {
        state.withLockedValue { state in messages.contains { state.ledger.entries[$0].isPublished } }
    }

    func moved(client: Int, to node: Int) {
        state.withLockedValue { $0.ledger.moved(client: client, to: node) }
    }

    /// Progress reports of a call count as messages: each of 1...count is expected once at its caller.
    func enterProgress(client: Int, call: Int, count: Int) {
        state.withLockedValue { state in
            for value in 1...Int64(count) {
                let message = state.ledger.enter(
                    Ledger.Entry(
                        step: .progress, method: "progress \(value)", sender: client, recipients: [client], sentAt: nil)
                )
                state.progress[ProgressKey(client: client, call: call, value: value)] = message
            }
        }
    }

    /// The call failed: its reports need not arrive.
    func releaseProgress(client: Int, call: Int) {
        state.withLockedValue { state in
            for (key, message) in state.progress where key.client == client && key.call == call {
                state.ledger.release(message)
            }
        }
    }

    func identify(client: Int, connectionID: String) {
        state.withLockedValue { $0.clients[connectionID] = client }
    }

    // MARK: - Receiving

    func received(_ event: SignalRClientEvent, client: Int) {
        switch event {
        case .invocation(let invocation): received(invocation, client: client)
        case .progress(let call, let value):
            guard let value = value.integer else { return }
            state.withLockedValue { state in
                guard let message = state.progress[ProgressKey(client: client, call: call, value: value)] else {
                    return
                }
                Self.arrive(.init(message: message, isIntact: true, envelopeAtMost: nil), client: client, in: &state)
            }
        case .stateChanged, .nodeAsksToReconnect: break
        }
    }

    private func received(_ invocation: ClientInvocation, client: Int) {
        // The text is the last argument of each of the hub's client methods.
        guard let text = invocation.arguments.last?.string, let message = self.text.number(in: text) else { return }
        let isIntact = self.text.isIntact(text, number: message)
        state.withLockedValue { state in
            let entries = state.ledger.entries
            let isExpected = entries.indices.contains(message) && entries[message].method == invocation.method
            Self.arrive(
                .init(
                    message: message, isIntact: isIntact && isExpected,
                    envelopeAtMost: invocation.cursor.flatMap(CursorText.id)
                ),
                client: client, in: &state)
        }
    }

    private static func arrive(_ arrival: Ledger.Arrival, client: Int, in state: inout State) {
        let now = NIODeadline.now().uptimeNanoseconds
        var arrival = arrival
        arrival.at = now
        guard let entry = state.ledger.arrived(arrival, client: client) else { return }
        if let sentAt = entry.sentAt, entry.recipients.contains(client) {
            state.latency.record(now > sentAt ? now - sentAt : 0)
        }
        guard state.wait?.messages.contains(arrival.message) == true else { return }
        state.wait?.clients.remove(client)
        if state.wait?.clients.isEmpty == true {
            state.wait?.promise.resume(returning: true)
            state.wait = nil
        }
    }

    /// A message arrived on a channel of the ASP.NET Core backplane, where messages have no ids.
    func published(payload: some Collection<UInt8>) {
        guard let number = text.number(within: payload) else { return }
        state.withLockedValue { $0.ledger.published(number, envelope: nil) }
    }

    /// A node published this message, or it arrived on the channel.
    func published(envelope: UInt64, key: String, value: [UInt8]) {
        guard let json = value.withUnsafeBytes({ try? JSONTree(parsing: $0) }), let message = HubMessage(json) else {
            return
        }
        switch message {
        case .invocation(_, _, let arguments):
            guard let text = arguments.last?.string, let number = self.text.number(in: text) else { return }
            state.withLockedValue { $0.ledger.published(number, envelope: envelope) }
        case .progress(let call, let value):
            guard key.hasPrefix("c-"), let call = Int(call), let value = value.integer else { return }
            state.withLockedValue { state in
                guard let client = state.clients[String(key.dropFirst(2))],
                    let number = state.progress[ProgressKey(client: client, call: call, value: value)]
                else { return }
                state.ledger.published(number, envelope: envelope)
            }
        }
    }

    // MARK: - Waiting

    /// Waits until each of the clients has received one of the messages.
    ///
    /// - Parameter messages: earlier deliveries count too.
    /// - Returns: false on timeout.
    func wait(forAnyOf messages: Set<Int>, at clients: Set<Int>, timeout: TimeAmount, on loop: any EventLoop) async
        -> Bool
    {
        let timer = NIOLockedValueBox<Scheduled<Void>?>(nil)
        defer { timer.withLockedValue { $0?.cancel() } }
        return await withCheckedContinuation { promise in
            let (isDone, number) = state.withLockedValue { state in
                precondition(state.wait == nil, "steps come one after another")
                state.waits += 1
                let missing = clients.filter { client in
                    !state.ledger.arrivals[client].reversed().contains { messages.contains($0.message) }
                }
                if !missing.isEmpty {
                    state.wait = Wait(number: state.waits, messages: messages, clients: missing, promise: promise)
                }
                return (missing.isEmpty, state.waits)
            }
            if isDone {
                promise.resume(returning: true)
            } else {
                timer.withLockedValue { $0 = loop.scheduleTask(in: timeout) { self.giveUp(number) } }
            }
        }
    }

    private func giveUp(_ number: Int) {
        let wait = state.withLockedValue { state -> Wait? in
            guard state.wait?.number == number else { return nil }
            defer { state.wait = nil }
            return state.wait
        }
        wait?.promise.resume(returning: false)
    }

    // MARK: - Remarks

    func fault(_ step: CheckStep, _ text: String) {
        state.withLockedValue { $0.faults.append((step, text)) }
    }

    func note(_ text: String) {
        state.withLockedValue { state in
            if let index = state.notes.firstIndex(where: { $0.text == text }) {
                state.notes[index].times += 1
            } else {
                state.notes.append((text, 1))
            }
        }
    }
}

/// Parses `s-0,1F`, the cursor of a scaled-out node.
enum CursorText {
    /// - Returns: the id of the last envelope before this position; nil for other cursors.
    static func id(_ cursor: String) -> UInt64? {
        guard cursor.hasPrefix("s-0,") else { return nil }
        return UInt64(cursor.dropFirst(4), radix: 16)
    }
}

/// Passes the nodes' publications to the DeliveryLog, which is created after the nodes.
final class PublishObserver: Sendable {
    private let deliveryLog = NIOLockedValueBox<DeliveryLog?>(nil)

    func deliver(to deliveryLog: DeliveryLog) {
        self.deliveryLog.withLockedValue { $0 = deliveryLog }
    }

    func published(envelope: UInt64, key: String, value: [UInt8]) {
        deliveryLog.withLockedValue { $0 }?.published(envelope: envelope, key: key, value: value)
    }

    /// A payload arrived on a backplane without ids.
    func published(payload: [UInt8]) {
        deliveryLog.withLockedValue { $0 }?.published(payload: payload)
    }
}
