import Foundation
import HubNode
import TestSupport
import Testing

/// Each exchange of a client with a real ASP.NET Core node (Vectors/core/wire-net8.txt), compared with this node.
@Suite("Exchanges compared with a real node of ASP.NET Core", .serialized, .needs(.redisServer, .python))
struct CoreWireTests {
    private struct Report: Decodable {
        struct Difference: Decodable {
            let exchange: String
            let expected: String
            let got: String
        }
        let held: [String]
        let different: [Difference]
        let left: [String]
    }

    // The name of the .NET type, as in the real node's error.
    private struct InvalidOperationException: Error, CustomStringConvertible {
        let description = "boom"
    }

    /// The methods of the recorded application.
    private static let hub = Hub("OracleHub") { hub in
        hub.on("Add") { (_: HubCall, one: Int, two: Int) in one + two }
        hub.on("Nothing") { (_: HubCall) in }
        hub.on("Echo") { (_: HubCall, text: String) in text }
        hub.on("EchoAny") { (_: HubCall, value: JSONValue) in value }
        hub.on("Throw") { (_: HubCall, message: String) in throw HubError(message) }
        hub.on("Boom") { (_: HubCall) in throw InvalidOperationException() }
        hub.on("All") { (call: HubCall, text: String) in try await call.clients.all.invoke("Recv", text) }
        hub.on("Kill") { (call: HubCall) in try await call.abort() }
        hub.on("Sum") { (_: HubCall, numbers: HubStream<Int>) in
            var sum = 0
            for try await number in numbers { sum += number }
            return sum
        }
        hub.onStream("Count") { (_: HubCall, count: Int, delay: Int) in
            AsyncThrowingStream<Int, any Error> { items in
                let task = Task {
                    for number in 0..<count {
                        items.yield(number)
                        if delay > 0 { try await Task.sleep(for: .milliseconds(delay)) }
                    }
                    items.finish()
                }
                items.onTermination = { _ in task.cancel() }
            }
        }
        hub.onStream("CountFail") { (_: HubCall, count: Int) in
            AsyncThrowingStream<Int, any Error> { items in
                for number in 0..<count { items.yield(number) }
                items.finish(throwing: HubError("stream failed"))
            }
        }
    }

    @Test("each exchange is the same, and none is missing")
    func held() async throws {
        let script = try #require(Bundle.module.url(forResource: "Scripts/core_wire", withExtension: "py")?.path)
        let transcript = try #require(
            Bundle.module.url(forResource: "Vectors/core/wire-net8", withExtension: "txt")?.path)
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis, hubs: [Self.hub],
                configure: {
                    $0.detailedErrors = true
                    $0.core = CoreHubSettings(
                        path: "/hub", backplane: CoreBackplaneSettings(hubType: "OracleHub"))
                }
            ) { port in
                let finished = try await Finished.running(.python, [script, "\(port)", transcript])
                #expect(finished.exit == .code(0), "\(finished.errors)")
                let json = try #require(finished.lines.last)
                let report = try JSONDecoder().decode(Report.self, from: Data(json.utf8))
                for difference in report.different {
                    Issue.record(
                        "\(difference.exchange)\nexpected \(difference.expected)\ngot      \(difference.got)")
                }
                // Stateful reconnect occurs twice, once per protocol.
                #expect(report.held.count == 91)
                #expect(report.left == [])
            }
        }
    }
}
