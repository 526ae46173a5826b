import Backplane
import Redis
import TestSupport
import Testing

@testable import Check
@testable import Loopback
@testable import SignalRClient

/// The check of ASP.NET Core SignalR through proxies and load balancers.
@Suite(.needs(.nginx), .timeLimit(.minutes(5)))
struct CoreCheckProxyTests {
    private static let hub = CoreHub(prefix: "p:", type: "Test.ChatHub")

    /// - Parameters:
    ///   - locations: nginx locations, with `NODE1` and `NODE2` in place of the nodes' addresses.
    ///   - upstream: groups of servers and further servers, likewise.
    private static func behind(
        _ locations: String, upstream: String = ""
    ) async throws -> Result<CheckOutcome, SetupError> {
        try await Nodes.run(2, core: hub) { nodes, redis in
            func filled(_ text: String) -> String {
                text.replacing("NODE1", with: nodes[0].coreURL.authority)
                    .replacing("NODE2", with: nodes[1].coreURL.authority)
            }
            return try await NginxServer.with(locations: filled(locations), upstream: filled(upstream)) { proxy in
                let configuration = CheckConfiguration(
                    redis: redis, core: CoreCheckSettings(hub: hub, formats: [.json]),
                    hubs: [try NodeURL("http://127.0.0.1:\(proxy.port)/chathub")], messages: 10, version: "test")
                do {
                    return .success(try await Check(configuration: configuration, logger: Nodes.logger).run())
                } catch let error as SetupError {
                    return .failure(error)
                }
            }
        }
    }

    private static let passing = """
        proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;
        proxy_read_timeout 120s; proxy_buffering off;
        """

    @Test func aCorrectProxyIsNotReported() async throws {
        let outcome = try await Self.behind("location / { \(Self.passing) proxy_pass http://NODE1; }").get()
        #expect(outcome.verdict == .pass, "\(outcome.faults) \(outcome.losses)")
    }

    @Test func missingAffinityIsNamed() async throws {
        // Negotiation reaches one node, everything else the other.
        let result = try await Self.behind(
            "location / { \(Self.passing) if ($request_uri ~ negotiate) { proxy_pass http://NODE1; } proxy_pass http://NODE2; }"
        )
        guard case .failure(let error) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(
            error.description.contains("has no affinity: none of 10 requests of one connection met the node"),
            "\(error)")
    }

    @Test func requestsToAlternatingNodesAreCounted() async throws {
        let answers = try await Nodes.run(2, core: Self.hub) { nodes, _ in
            try await NginxServer.with(
                locations:
                    "location / { if ($request_id ~ ^[0-7]) { proxy_pass http://\(nodes[0].coreURL.authority); } proxy_pass http://\(nodes[1].coreURL.authority); }"
            ) { proxy in
                try await SharedNetwork.run { network in
                    try await CoreAffinity.measure(
                        CoreClientConfiguration(node: try NodeURL("http://127.0.0.1:\(proxy.port)/chathub")),
                        requests: 40, network: network)
                }
            }
        }
        #expect(answers.known > 0 && answers.unknown > 0 && answers.known + answers.unknown == 40)
    }

    @Test func blockedWebSocketsAreNamed() async throws {
        let outcome = try await Self.behind(
            "location / { proxy_http_version 1.1; proxy_read_timeout 120s; proxy_buffering off; proxy_pass http://NODE1; }"
        ).get()
        #expect(outcome.verdict == .fail)
        #expect(outcome.faults.contains { $0.contains("webSockets do not get through to node 1") }, "\(outcome.faults)")
        // The other transports are checked nevertheless.
        #expect(outcome.rows.filter { $0.check != .connect }.allSatisfy { $0.verdict == .pass })
    }

    /// nginx takes turns, as load balancers do by default.
    @Test func aLoadBalancerThatTakesTurnsIsNamed() async throws {
        let result = try await Self.behind(
            "location / { \(Self.passing) proxy_pass http://nodes; }",
            upstream: "upstream nodes { server NODE1; server NODE2; }")
        let texts =
            switch result {
            case .success(let outcome): outcome.faults
            case .failure(let error): ["\(error)"]
            }
        #expect(texts.contains { $0.contains("has no affinity: ") && $0.contains("sticky sessions") }, "\(texts)")
    }

    /// All requests of a client have the same query.
    @Test func aLoadBalancerWithAffinityPasses() async throws {
        let outcome = try await Self.behind(
            "location / { \(Self.passing) proxy_pass http://nodes; }",
            upstream: "upstream nodes { hash $arg_user consistent; server NODE1; server NODE2; }"
        ).get()
        #expect(outcome.verdict == .pass, "\(outcome.faults) \(outcome.losses) \(outcome.notes)")
    }

    /// nginx buffers and compresses the responses: an event stays in the compressor until more come. The node's headers
    /// forbid both, and are ignored.
    @Test func aProxyThatBuffersServerSentEventsIsNamed() async throws {
        let compressor = try FreePort.find()
        let outcome = try await Self.behind(
            "location / { \(Self.passing) proxy_set_header Accept-Encoding gzip; proxy_pass http://127.0.0.1:\(compressor); }",
            upstream: """
                server {
                  listen 127.0.0.1:\(compressor);
                  location / {
                    proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection $http_connection; proxy_read_timeout 120s;
                    proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; proxy_hide_header Content-Encoding;
                    gzip on; gzip_types text/event-stream; gzip_min_length 0; gzip_proxied any;
                    proxy_pass http://NODE1;
                  }
                }
                """
        ).get()
        #expect(outcome.verdict == .fail)
        let faults = outcome.faults.filter { $0.contains("serverSentEvents of node 1 do not arrive, though ") }
        #expect(faults.count == 1 && outcome.faults.count == 1, "\(outcome.faults)")
        #expect(faults.first?.contains("(nginx: proxy_buffering off)") == true)
        // The other transports are checked nevertheless.
        #expect(outcome.rows.filter { $0.check != .connect }.allSatisfy { $0.verdict == .pass })
    }

    /// A proxy that buffers the node's answer to the handshake, while polls get through.
    @Test func bufferedEventsAreReported() async throws {
        let text = try await SharedNetwork.run { network in
            let node = CheckedNode(name: "node 1", url: try NodeURL("http://127.0.0.1:1/chathub"), log: nil)
            let polling = Participant(
                index: 0, node: 0, transport: .longPolling, name: "node 1/longPolling/json", user: "",
                client: CoreSignalRClient(
                    configuration: CoreClientConfiguration(node: node.coreURL), network: network))
            let failure = CoreConnectFailure(
                client: ClientPlan.PlannedClient(
                    node: 0, transport: .serverSentEvents, name: "node 1/serverSentEvents/json", user: "",
                    core: CoreWay(format: .json)),
                error: SetupError(
                    "it failed",
                    cause: SignalRClientError.timedOut(
                        node: "n", what: "the handshake over serverSentEvents", after: .seconds(5))))
            return await CoreDiagnosis(nodes: [node], network: network, core: nil)
                .text(for: failure, connected: [polling])
        }
        #expect(text.contains("serverSentEvents of node 1 do not arrive, though longPolling gets through"), "\(text)")
    }
}
