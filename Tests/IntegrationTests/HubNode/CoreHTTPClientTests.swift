import Foundation
import HubNode
import TestSupport
import Testing

/// Requests as Microsoft's JavaScript and .NET clients send them (their sources, release/8.0).
@Suite(
    "Requests of Microsoft's clients to the hub of ASP.NET Core", .serialized, .needs(.redisServer))
struct CoreHTTPClientTests {
    private static let origin = "https://app.example"
    /// Headers of the JavaScript client in a browser.
    private static let headers = [
        ("Origin", origin), ("X-Requested-With", "XMLHttpRequest"),
        (
            "X-SignalR-User-Agent",
            "Microsoft SignalR/8.0 (8.0.7; Unknown OS; Browser; Unknown Runtime Version)"
        ),
        ("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30."),
    ]
    private static let handshake = #"{"protocol":"json","version":1}"# + "\u{1E}"

    private func withNode(_ body: (_ port: Int) async throws -> Void) async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis, configure: { $0.allowedOrigins = [Self.origin] }, body)
        }
    }

    private struct Answer {
        let status: Int
        let body: String
        let contentType: String?
    }

    private func ask(_ port: Int, _ method: String, _ target: String, _ body: String? = nil)
        async throws -> Answer
    {
        try await RawHTTP.with(
            port: port, method, target, headers: Self.headers, form: body,
            contentType: "text/plain;charset=UTF-8"
        ) {
            Answer(status: $0.status, body: try await $0.rest(), contentType: $0.header("Content-Type"))
        }
    }

    private func negotiate(_ port: Int) async throws -> String {
        let answer = try await ask(port, "POST", "/chathub/negotiate?negotiateVersion=1", "")
        #expect(answer.status == 200 && answer.contentType == "application/json")
        return try #require(
            answer.body.firstMatch(of: #/"connectionToken":"([^"]+)"/#).map { String($0.1) })
    }

    @Test("a browser's preflight request from an allowed origin permits requests with credentials")
    func preflight() async throws {
        try await withNode { port in
            for target in ["/chathub/negotiate?negotiateVersion=1", "/chathub?id=x"] {
                let asked = [
                    ("Origin", Self.origin), ("Access-Control-Request-Method", "POST"),
                    (
                        "Access-Control-Request-Headers",
                        "authorization,x-requested-with,x-signalr-user-agent"
                    ),
                ]
                try await RawHTTP.with(port: port, "OPTIONS", target, headers: asked) { answer in
                    #expect(answer.status == 204)
                    #expect(answer.header("Access-Control-Allow-Origin") == Self.origin)
                    #expect(answer.header("Access-Control-Allow-Credentials") == "true")
                    #expect(answer.header("Access-Control-Allow-Headers") == asked[2].1)
                    let methods = answer.header("Access-Control-Allow-Methods") ?? ""
                    for method in ["GET", "POST", "DELETE"] { #expect(methods.contains(method)) }
                }
                try await RawHTTP.with(
                    port: port, "OPTIONS", target,
                    headers: [("Origin", "https://other.example")] + asked.dropFirst()
                ) { answer in #expect(answer.header("Access-Control-Allow-Origin") == nil) }
            }
            try await RawHTTP.with(
                port: port, "POST", "/chathub/negotiate?negotiateVersion=1", headers: Self.headers
            ) { answer in
                #expect(answer.status == 200)
                #expect(answer.header("Access-Control-Allow-Origin") == Self.origin)
                #expect(answer.header("Access-Control-Allow-Credentials") == "true")
                #expect(answer.header("Vary") == "Origin")
            }
        }
    }

    @Test(
        "long polling: polls with a number that prevents caching, text posts, and DELETE at the end")
    func longPolling() async throws {
        try await withNode { port in
            let target = "/chathub?id=\(try await negotiate(port))"
            #expect(try await ask(port, "GET", target + "&_=1700000000000").status == 200)
            #expect(try await ask(port, "POST", target, Self.handshake).status == 200)
            #expect(try await ask(port, "GET", target + "&_=1700000000001").body == "{}\u{1E}")
            let call = #"{"arguments":["x"],"invocationId":"0","target":"echo","type":1}"# + "\u{1E}"
            #expect(try await ask(port, "POST", target, call).status == 200)
            let answer = try await ask(port, "GET", target + "&_=1700000000002")
            #expect(answer.body == #"{"type":3,"invocationId":"0","result":"x"}"# + "\u{1E}")
            #expect(try await ask(port, "DELETE", target).status == 202)
            #expect(try await ask(port, "GET", target + "&_=1700000000003").status == 404)
        }
    }

    @Test("tokens in the query of webSockets and streams are ignored")
    func accessToken() async throws {
        try await withNode { port in
            let token = try await negotiate(port)
            try await CoreWire.connected(
                port: port, "?id=\(token)&access_token=eyJhbGciOiJub25lIn0.e30."
            ) { wire in
                let answer = try await wire.call("0", "echo", #""x""#)
                #expect(answer == #"{"type":3,"invocationId":"0","result":"x"}"#)
            }
        }
    }

    @Test("the binary protocol is refused on server-sent events, which carry text only")
    func binaryOverText() async throws {
        try await withNode { port in
            let target = "/chathub?id=\(try await negotiate(port))"
            try await RawHTTP.with(
                port: port, "GET", target + "&access_token=x",
                headers: Self.headers + [("Accept", "text/event-stream")]
            ) { stream in
                #expect(stream.status == 200)
                _ = try await stream.take(through: ":\r\n")
                let handshake = #"{"protocol":"messagepack","version":1}"# + "\u{1E}"
                #expect(try await ask(port, "POST", target, handshake).status == 200)
                let answer = try await stream.rest()
                #expect(
                    answer
                        == #"data: {"error":"Cannot use the 'messagepack' protocol on the current transport. The transport does not support 'Binary' transfer format."}"#
                        + "\u{1E}\r\n\r\n")
            }
        }
    }

    @Test("paths are case-insensitive, and a trailing slash is ignored")
    func paths() async throws {
        try await withNode { (port: Int) async throws -> Void in
            for path in ["/ChatHub/Negotiate", "/chathub/negotiate/", "/CHATHUB/negotiate"] {
                #expect(
                    try await ask(port, "POST", path + "?negotiateVersion=1", "").status == 200, "\(path)")
            }
            #expect(try await ask(port, "POST", "/chathub/other", "").status == 404)
            #expect(try await ask(port, "PUT", "/chathub?id=x", "").status == 405)
        }
    }

    @Test("a post above the limit of pending bytes is refused, and the connection continues")
    func largePost() async throws {
        try await withNode { port in
            let target = "/chathub?id=\(try await negotiate(port))"
            #expect(try await ask(port, "GET", target).status == 200)
            #expect(
                try await ask(port, "POST", target, String(repeating: "x", count: 200_000)).status == 413)
            #expect(try await ask(port, "POST", target, Self.handshake).status == 200)
            #expect(try await ask(port, "GET", target).body == "{}\u{1E}")
        }
    }
}
