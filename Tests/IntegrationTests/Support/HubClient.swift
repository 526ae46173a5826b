import JSON
import SignalRClient
import Synchronization
import TestSupport

/// A SignalR client of the chat hub that stores what it receives.
final class HubClient: Sendable {
    let signalR: SignalRClient
    private let inbox: Inbox

    final class Inbox: Sendable {
        let calls = Mutex<[String]>([])
        let states = Mutex<[String]>([])
        let asksToReconnect = Mutex(0)
    }

    /// - Parameter query: such as `user`.
    init(
        port: Int, transport: ClientTransport = .webSockets, query: [(name: String, value: String)] = [],
        reconnectsByItself: Bool = true, network: SignalRNetwork
    ) throws {
        let inbox = Inbox()
        self.inbox = inbox
        signalR = SignalRClient(
            configuration: SignalRClientConfiguration(
                node: try NodeURL("http://127.0.0.1:\(port)/signalr"), hubs: ["chatHub"], transport: transport,
                query: query, reconnectsByItself: reconnectsByItself),
            network: network
        ) { event in
            switch event {
            case .invocation(let call):
                inbox.calls.withLock { $0.append("\(call.method)\(JSONTree.array(call.arguments))") }
            case .stateChanged(let state): inbox.states.withLock { $0.append("\(state)") }
            case .nodeAsksToReconnect: inbox.asksToReconnect.withLock { $0 += 1 }
            case .progress: break
            }
        }
    }

    /// `method[arguments]` of each call so far, in order.
    var calls: [String] { inbox.calls.withLock { $0 } }
    var states: [String] { inbox.states.withLock { $0 } }
    var asksToReconnect: Int { inbox.asksToReconnect.withLock { $0 } }

    @discardableResult
    func invoke(_ method: String, _ arguments: [JSONTree] = []) async throws -> JSONTree {
        try await signalR.invoke("chatHub", method, arguments)
    }

    /// Waits until exactly these calls have arrived, in this order.
    func expect(_ expected: [String]) async throws {
        do {
            try await eventually("\(expected.count) calls arrive") { calls.count >= expected.count ? true : nil }
        } catch {
            throw TestFailure("\(error); got \(calls), expected \(expected)")
        }
        guard calls == expected else { throw TestFailure("got \(calls), expected \(expected)") }
    }
}

extension SignalRNetwork {
    /// Runs `body` with a network that is closed afterwards.
    static func with<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: (SignalRNetwork) async throws -> Value
    ) async throws -> Value {
        let network = SignalRNetwork()
        do {
            let value = try await body(network)
            await network.shutdown()
            return value
        } catch {
            await network.shutdown()
            throw error
        }
    }
}
