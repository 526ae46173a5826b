import Foundation
import TestSupport
import Testing

extension WithHubNodes {
    /// A client that others wrote takes our node for a SignalR server.
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
}
