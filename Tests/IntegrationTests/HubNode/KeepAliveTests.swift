import Foundation
import HubNode
import TestSupport
import Testing

/// A quiet connection gets keep-alives in the form of its transport, and a poll ends after its limit.
@Suite("Keep-alives", .serialized, .needs(.redisServer))
struct KeepAliveTests {
    @Test(
        "streams",
        arguments: [
            ("serverSentEvents", "data: {}\n\n"), ("foreverFrame&frameId=1", "<script>r(c, {});</script>\r\n"),
        ])
    func streams(transport: String, sign: String) async throws {
        try await withConnection(transport) { stream in
            _ = try await stream.take(through: sign)
        }
    }

    @Test("a poll gets spaces, then a frame without messages")
    func poll() async throws {
        try await withNode { port, token in
            let target = "/signalr/connect?transport=longPolling&connectionToken=\(token)"
            let first = try await RawHTTP.with(port: port, "POST", target) { try await $0.rest() }
            let cursor = try #require(first.firstMatch(of: #/s-0,[0-9A-F]+/#)?.output)
            let poll = "/signalr/poll?transport=longPolling&connectionToken=\(token)"
            let body = try await RawHTTP.with(
                port: port, "POST", poll, form: "messageId=\(cursor.replacing(",", with: "%2C"))"
            ) { try await $0.rest() }
            #expect(body.hasPrefix(" "))
            #expect(body.trimmingCharacters(in: .whitespaces) == #"{"C":"\#(cursor)","M":[]}"#)
        }
    }

    private func withConnection(_ transport: String, _ body: (RawHTTP) async throws -> Void) async throws {
        try await withNode { port, token in
            let target = "/signalr/connect?transport=\(transport)&connectionToken=\(token)"
            try await RawHTTP.with(port: port, "GET", target, body)
        }
    }

    private func withNode(_ body: (_ port: Int, _ token: String) async throws -> Void) async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis,
                configure: {
                    $0.timing.keepAlive = .seconds(1)
                    $0.timing.longPoll = .seconds(6)
                }
            ) { port in
                try await body(port, try await HubToken.negotiate(port: port))
            }
        }
    }
}
