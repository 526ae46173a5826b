import Foundation
import HubNode
import TestSupport
import Testing

extension WithHubNodes {
    /// Two nodes send Redis the same commands as two real ones (Vectors/core/*.monitor.txt).
    @Suite("The backplane of ASP.NET Core, compared with real nodes", .serialized, .needs(.redisServer, .python))
    struct CoreBackplaneTests {
        private struct Report: Decodable {
            struct Difference: Decodable {
                let step: String
                let expected: [String]
                let got: [String]
            }
            let held: [String]
            let different: [Difference]
            let left: [String]
            /// Addresses of Redis' clients that both publish and subscribe.
            let shared: [String]
        }

        /// The actions of the recorded application.
        private static let hub = Hub("OracleHub") { hub in
            hub.on("whoAmI") { (call: HubCall) in call.connectionID }
            hub.on("all") { (call: HubCall, text: String) in try await call.clients.all.invoke("Recv", text) }
            hub.on("others") { (call: HubCall, text: String) in try await call.clients.others.invoke("Recv", text) }
            hub.on("allExcept") { (call: HubCall, text: String, one: String, two: String) in
                try await call.clients.allExcept([one, two]).invoke("Recv", text)
            }
            hub.on("noArguments") { (call: HubCall) in try await call.clients.all.invoke("NoArgs") }
            hub.on("join") { (call: HubCall, group: String, id: String) in try await call.groups.add(id, to: group) }
            hub.on("leave") { (call: HubCall, group: String, id: String) in
                try await call.groups.remove(id, from: group)
            }
            hub.on("group") { (call: HubCall, group: String, text: String) in
                try await call.clients.group(group).invoke("Recv", text)
            }
            hub.on("othersInGroup") { (call: HubCall, group: String, text: String) in
                try await call.clients.othersInGroup(group).invoke("Recv", text)
            }
            hub.on("user") { (call: HubCall, user: String, text: String) in
                try await call.clients.user(user).invoke("Recv", text)
            }
            hub.on("client") { (call: HubCall, id: String, text: String) in
                try await call.clients.client(id).invoke("Recv", text)
            }
            hub.on("ask") { (call: HubCall, id: String, question: String) in
                try await call.clients.single(id).ask("Ask", question, as: String?.self)
            }
        }

        @Test("each step sends Redis the same commands")
        func held() async throws {
            let script = try #require(
                Bundle.module.url(forResource: "Scripts/core_backplane", withExtension: "py")?.path)
            let transcript = try #require(
                Bundle.module.url(forResource: "Vectors/core/net8-json-msgpack-prefix.monitor", withExtension: "txt")?
                    .path)
            try await RedisServer.with { redis in
                try await withNode(redis) { first in
                    try await withNode(redis) { second in
                        let finished = try await Finished.running(
                            .python, [script, "\(first)", "\(second)", "\(redis.port)", transcript])
                        #expect(finished.exit == .code(0), "\(finished.errors)")
                        let json = try #require(finished.lines.last)
                        let report = try JSONDecoder().decode(Report.self, from: Data(json.utf8))
                        for difference in report.different {
                            Issue.record(
                                "\(difference.step)\nexpected \(difference.expected)\ngot      \(difference.got)")
                        }
                        #expect(report.shared == [], "a connection both publishes and subscribes")
                        #expect(report.left.filter { step in !Self.notHeld.contains { step.hasPrefix($0) } } == [])
                        #expect(report.held.count == 39)
                    }
                }
            }
        }

        /// .NET's own types; a group except two connections, for which this library has no method; a result as a map;
        /// and anything that takes more than half a minute.
        private static let notHeld = [
            "rich arguments", "Clients.GroupExcept", "Clients.Clients", "client result: A asks b1 for a map",
            "client result: unknown connection", "client result: client never answers",
            "remote AddToGroup for an unknown connection",
        ]

        private func withNode(_ redis: RedisServer, _ body: (_ port: Int) async throws -> Void) async throws {
            try await TestHubNode.with(
                redis: redis, channel: "", hubs: [Self.hub],
                configure: {
                    $0.core = CoreHubSettings(
                        path: "/hub",
                        backplane: CoreBackplaneSettings(hubType: "OracleHub", channelPrefix: "orc"))
                }, body)
        }
    }
}
