import Foundation
import HubNode
import TestSupport
import Testing

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
        hub.on("groupExcept") { (call: HubCall, group: String, text: String, one: String, two: String) in
            try await call.clients.groupExcept(group, [one, two]).invoke("Recv", text)
        }
        hub.on("groups") { (call: HubCall, groups: [String], text: String) in
            try await call.clients.groups(groups).invoke("Recv", text)
        }
        hub.on("users") { (call: HubCall, users: [String], text: String) in
            try await call.clients.users(users).invoke("Recv", text)
        }
        hub.on("clients") { (call: HubCall, ids: [String], text: String) in
            try await call.clients.clients(ids).invoke("Recv", text)
        }
        hub.on("rich") {
            (
                call: HubCall, one: JSONValue, two: JSONValue, three: JSONValue, four: JSONValue, five: JSONValue,
                six: JSONValue, seven: JSONValue, eight: JSONValue, nine: JSONValue, ten: JSONValue
            ) in
            try await call.clients.all.invoke("Rich", one, two, three, four, five, six, seven, eight, nine, ten)
        }
        hub.on("askMap") { (call: HubCall, id: String, question: String) in
            try await call.clients.single(id).ask("AskMap", question, as: JSONValue.self)
        }
        hub.on("askBriefly") { (call: HubCall, id: String, question: String) in
            let asking = Task { try await call.clients.single(id).ask("Ask", question, as: String?.self) }
            try await Task.sleep(for: .milliseconds(100))
            asking.cancel()
            return try await asking.value
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

    /// The configuration of one recorded application.
    private struct Setting: Sendable, CustomTestStringConvertible {
        let transcript: String
        let prefix: String
        let protocols: [HubProtocol]
        /// Steps of the recording that cannot be compared.
        let left: [String]

        var testDescription: String { transcript }
    }

    /// This node's hub methods cannot encode .NET's own types in MessagePack.
    private static let settings = [
        Setting(
            transcript: "net8-json-msgpack-prefix", prefix: "orc", protocols: [.json, .messagePack],
            left: ["rich arguments"]),
        Setting(transcript: "net8-json-noprefix", prefix: "", protocols: [.json], left: []),
        Setting(
            transcript: "net8-msgpack-prefix2", prefix: "my:app:", protocols: [.messagePack],
            left: ["rich arguments"]),
    ]

    @Test("each step sends the same commands to Redis", arguments: settings)
    private func held(setting: Setting) async throws {
        let script = try #require(
            Bundle.module.url(forResource: "Scripts/core_backplane", withExtension: "py")?.path)
        let transcript = try #require(
            Bundle.module.url(
                forResource: "Vectors/core/\(setting.transcript).monitor", withExtension: "txt")?.path)
        let steps = try String(contentsOfFile: transcript, encoding: .utf8).split(separator: "\n")
            .count { $0.hasPrefix("## ") }
        try await RedisServer.with { redis in
            try await withNode(redis, setting) { first in
                try await withNode(redis, setting) { second in
                    let finished = try await Finished.running(
                        .python, [script, "\(first)", "\(second)", "\(redis.port)", transcript])
                    #expect(finished.exit == .code(0), "\(finished.errors)")
                    let json = try #require(finished.lines.last)
                    let report = try JSONDecoder().decode(Report.self, from: Data(json.utf8))
                    for difference in report.different {
                        Issue.record(
                            "\(difference.step)\nexpected \(difference.expected)\ngot      \(difference.got)")
                    }
                    #expect(report.shared == [], "a connection both publishes and listens")
                    #expect(report.left.filter { step in !setting.left.contains { step.hasPrefix($0) } } == [])
                    #expect(report.held.count == steps - setting.left.count)
                }
            }
        }
    }

    private func withNode(
        _ redis: RedisServer, _ setting: Setting, _ body: (_ port: Int) async throws -> Void
    ) async throws {
        try await TestHubNode.with(
            redis: redis, channel: "", hubs: [Self.hub],
            configure: {
                // The recorded nodes waited 30 s.
                $0.timing.acknowledgement = .milliseconds(500)
                $0.core = CoreHubSettings(
                    path: "/hub",
                    backplane: CoreBackplaneSettings(hubType: "OracleHub", channelPrefix: setting.prefix),
                    protocols: setting.protocols)
            }, body)
    }
}
