import Foundation
import HubNode
import TestSupport
import Testing

/// A third-party client of SignalR 2.
@Suite("The Python package signalr-client", .needs(.redisServer, .python))
struct PythonClientTests {
    private struct Seen: Decodable {
        let broadcasts: [[String]]
        let group: [[String]]
        let user: [[String]]
    }

    @Test("connects, invokes and receives")
    func drivesNode() async throws {
        let script = try #require(
            Bundle.module.url(forResource: "Scripts/signalr_client", withExtension: "py")?.path)
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis) { port in
                let finished = try await Finished.running(.python, [script, "http://127.0.0.1:\(port)/signalr"])
                #expect(finished.exit == .code(0), "\(finished.errors)")
                let json = try #require(finished.lines.last)
                let seen = try JSONDecoder().decode(Seen.self, from: Data(json.utf8))
                #expect(seen.broadcasts == [["py", "hello 日本 <&> 👍"]])
                #expect(seen.group == [["room", "py", "in the room"]])
                #expect(seen.user == [["пользователь", "to myself"]])
                #expect(json.contains(##"{"I": "1", "R": {"a": [1, null, "ü"]}}"##))
                #expect(json.contains(##"{"I": "2", "E": "as asked", "H": true}"##))
            }
        }
    }
}

/// Third-party clients of ASP.NET Core SignalR, with both hub protocols.
@Suite("The Python packages pysignalr and signalrcore", .serialized, .needs(.redisServer, .python))
struct CorePythonClientTests {
    private struct Seen: Decodable {
        let broadcasts: [[String]]
        let group: [[String]]
        let errors: [String]
        let totals: [[Int]]
        let opened: Int
    }

    /// The chat hub's methods that the scripts call, one that ends the connection, and one that says a sum to all:
    /// neither client has a call with an answer that takes a stream.
    private static let hub = Hub("chatHub") { hub in
        hub = .chat
        hub.on("end") { (call: HubCall) in try await call.abort() }
        hub.on("total") { (call: HubCall, numbers: HubStream<Int>) in
            var sum = 0
            for try await number in numbers { sum += number }
            try await call.clients.all.invoke("total", sum)
        }
    }

    private static let clients: [(script: String, name: String, protocolName: String)] = [
        ("core_pysignalr", "py", "json"), ("core_pysignalr", "py", "messagepack"),
        ("core_signalrcore", "core", "json"), ("core_signalrcore", "core", "messagepack"),
    ]

    @Test(
        "connect, call, stream both ways, receive calls, and reconnect", arguments: clients.indices)
    func driveNode(index: Int) async throws {
        let client = Self.clients[index]
        let script = try #require(
            Bundle.module.url(forResource: "Scripts/\(client.script)", withExtension: "py")?.path)
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis, hubs: [Self.hub]) { port in
                let finished = try await Finished.running(
                    .python, [script, "http://127.0.0.1:\(port)/chathub", client.protocolName])
                #expect(finished.exit == .code(0), "\(finished.errors)")
                let json = try #require(finished.lines.last)
                let seen = try JSONDecoder().decode(Seen.self, from: Data(json.utf8))
                #expect(seen.broadcasts == [[client.name, "hello 日本 <&> 👍"]])
                #expect(seen.group == [["room", client.name, "in the room"], ["room", client.name, "back"]])
                #expect(seen.opened == 2)
                // signalrcore writes no valid MessagePack for a call that takes a stream.
                let uploads = client.name == "py" || client.protocolName == "json"
                #expect(seen.totals == (uploads ? [[42]] : []))
                // The other cannot answer the node's calls.
                if client.name == "py" { #expect(json.contains(#""re: q""#), "\(json)") }
                #expect(
                    seen.errors.contains {
                        $0.contains(
                            "An unexpected error occurred invoking 'fail' on the server. HubException: as asked")
                    }, "\(seen.errors)")
                #expect(json.contains(#""items": [1, 2, 3, "end"]"#), "\(json)")
                #expect(json.contains(##"{"a": [1, null, "ü"]}"##), "\(json)")
            }
        }
    }
}
