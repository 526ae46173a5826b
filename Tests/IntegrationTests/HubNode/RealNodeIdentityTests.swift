import Check
import Foundation
import HubNode
import JSON
import SignalRClient
import TestSupport
import Testing

/// Vectors/real-nodes/identity.jsonl: which names reach which member. This node delivers immediately what a real
/// node delivers with the next message that wakes the client, and nothing that a real node never delivers.
@Suite("Names compared like on real nodes", .serialized, .needs(.redisServer))
struct RealNodeIdentityTests {
    private struct Line: Decodable {
        var what: String
        var joined: String?
        var sentTo: String?
        var steps: [String]?
        var connectedAs: String?
        var real: String

        enum CodingKeys: String, CodingKey {
            case what, joined, steps, real
            case sentTo = "sent_to"
            case connectedAs = "connected_as"
        }
    }

    private static func lines() throws -> [Line] {
        guard
            let file = Bundle.module.url(
                forResource: "identity", withExtension: "jsonl", subdirectory: "Vectors/real-nodes")
        else { throw TestFailure("no Vectors/real-nodes/identity.jsonl in the test bundle") }
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
    }

    @Test("groups: joined, left and sent to, line by line")
    func groups() async throws {
        let lines = try Self.lines().filter { $0.what == "group" }
        #expect(lines.count == 5)
        try await withClient { client in
            var expected: [String] = []
            for line in lines {
                let steps = line.steps ?? ["join \(line.joined ?? "")", "send \(line.sentTo ?? "")"]
                for step in steps {
                    let words = step.split(separator: " ").map(String.init)
                    switch words[0] {
                    case "join": try await client.invoke("joinGroup", [.string(words[1])])
                    case "leave": try await client.invoke("leaveGroup", [.string(words[1])])
                    default: try await client.invoke("sendToGroup", [.string(words[1]), "x", "y"])
                    }
                }
                let group = steps.last?.split(separator: " ").last.map(String.init) ?? ""
                if line.real != "never" { expected.append(#"groupMessage["\#(group)","x","y"]"#) }
                // The next message shows that nothing else arrived before.
                try await client.invoke("send", ["end", .string(line.real)])
                expected.append(#"broadcastMessage["end","\#(line.real)"]"#)
                try await expectSame(client, expected)
            }
        }
    }

    @Test("two groups that differ in case: two deliveries")
    func bothGroups() async throws {
        try await withClient { client in
            try await client.invoke("joinGroup", ["room"])
            try await client.invoke("joinGroup", ["ROOM"])
            try await client.invoke("sendToGroup", ["Room", "x", "y"])
            try await client.invoke("send", ["a", "b"])
            try await expectSame(
                client,
                [
                    #"groupMessage["Room","x","y"]"#, #"groupMessage["Room","x","y"]"#,
                    #"broadcastMessage["a","b"]"#,
                ])
        }
    }

    @Test("a user is reached ignoring case, but by no other name")
    func users() async throws {
        try await withClient(user: "zoe%CC%81") { client in
            for user in ["zo\u{E9}", "ZOE\u{301}"] { try await client.invoke("sendToUser", [.string(user), "x"]) }
            try await client.invoke("send", ["a", "b"])
            try await expectSame(client, ["userMessage[\"zoe\u{301}\",\"x\"]", #"broadcastMessage["a","b"]"#])
        }
    }

    @Test("a connection is reached ignoring case, but its groups are changed only with its exact id")
    func connections() async throws {
        try await withClient { client in
            let id = try await client.invoke("whoAmI")
            guard case .string(let text) = id else { throw TestFailure("no connection id: \(id)") }
            try await client.invoke("tell", [.string(text.uppercased()), "x"])
            try await client.expect([#"told["x"]"#])
            await #expect(throws: (any Error).self) {
                try await client.invoke("add", [.string(text.uppercased()), "room"])
            }
        }
    }

    private func expectSame(_ client: HubClient, _ expected: [String]) async throws {
        try await eventually("\(expected.count) calls arrive") { client.calls.count >= expected.count ? true : nil }
        let (calls, wanted) = (client.calls.map { Array($0.utf8) }, expected.map { Array($0.utf8) })
        #expect(calls == wanted, "got \(client.calls), expected \(expected)")
    }

    private func withClient(user: String = "", _ body: (HubClient) async throws -> Void) async throws {
        var hub = Hub.chat
        hub.on("whoAmI") { (call: HubCall) in call.connectionID }
        hub.on("tell") { (call: HubCall, id: String, text: String) in
            try await call.clients.client(id).invoke("told", text)
        }
        hub.on("add") { (call: HubCall, id: String, group: String) in try await call.groups.add(id, to: group) }
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis, hubs: [hub], configure: { $0.timing.acknowledgement = .seconds(2) }
            ) { port in
                try await SignalRNetwork.with { network in
                    let client = try HubClient(
                        port: port,
                        query: user.isEmpty ? [] : [("user", user.removingPercentEncoding ?? user)],
                        network: network)
                    try await client.signalR.start()
                    try await body(client)
                }
            }
        }
    }
}
