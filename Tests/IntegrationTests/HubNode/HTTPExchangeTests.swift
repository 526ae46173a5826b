import Foundation
import HubNode
import TestSupport
import Testing

/// Each exchange of a client with a real node (Vectors/signalr2-http.txt), compared with this node: status,
/// headers, fields and their order. Values that differ from run to run (tokens, ids, cursors) are compared by their
/// form.
@Suite("HTTP exchanges compared with a real node", .serialized, .needs(.redisServer))
struct HTTPExchangeTests {
    /// Exchanges without preceding ones.
    private static let alone = [
        "negotiate clientProtocol=1.2", "negotiate clientProtocol=1.4", "negotiate clientProtocol=1.5",
        "negotiate clientProtocol=2.0", "negotiate clientProtocol=2.1", "negotiate clientProtocol=9.9",
        "negotiate clientProtocol=abc", "negotiate clientProtocol=",
        "negotiate without clientProtocol and connectionData", "negotiate by POST", "negotiate JSONP",
        "negotiate cross origin (no CORS middleware)", "negotiate unknown hub", "ping", "ping JSONP",
        "negotiate for SSE", "negotiate for long polling", "negotiate for foreverFrame", "connect without token",
        "connect with a bad token", "connect with an unknown transport", "connect webSockets without upgrade",
        "unknown path below /signalr", "outside",
    ]
    private static let serverSentEvents = [
        "SSE connect (kept open 13 s: keep alive after 10 s)", "start (SSE)", "send: void method", "send: result",
        "send: error", "send: join group", "send: garbage data", "send: no data", "abort (SSE)",
    ]
    private static let longPolling = [
        "longPolling connect", "start (longPolling)", "send (longPolling)",
        "longPolling poll (answered by a later send)",
        "longPolling poll GET with messageId in the query, JSONP",
        "longPolling poll again from the first cursor: replays", "longPolling poll from an old cursor s-0,0",
        "longPolling poll from a cursor in the future s-0,FFFFFF", "longPolling poll from a broken cursor",
        "longPolling poll from a non scaleout cursor d-", "abort (longPolling)",
    ]
    private static let others = [
        "foreverFrame connect", "hub without connectionData", "hub proxies", "hub proxies (js)",
        // A persistent connection class of the recorded application, which this node does not have.
        "negotiate of the persistent connection",
    ]

    @Test("no exchange is missing")
    func complete() {
        #expect(
            HTTPExchange.all.map(\.title).sorted()
                == (Self.alone + Self.serverSentEvents + Self.longPolling + Self.others).sorted())
    }

    @Test("one by one", arguments: alone)
    func oneByOne(title: String) async throws {
        let exchange = try HTTPExchange.named(title)
        try await withNode { port in
            let token = try await HubToken.negotiate(port: port)
            try await expectSame(exchange, port: port, token: token)
        }
    }

    @Test("serverSentEvents: the stream, messages in between, the end")
    func serverSentEventsStream() async throws {
        // No keep-alive arrives between the frames, however slowly they are read.
        try await withNode(keepAlive: .seconds(300)) { port in
            let token = try await HubToken.negotiate(port: port)
            let connect = try HTTPExchange.named("SSE connect (kept open 13 s: keep alive after 10 s)")
            try await open(connect, port: port, token: token) { stream in
                #expect(try await stream.take(through: "\n\n") == "data: initialized\n\n")
                #expect(
                    normalized(try await stream.take(through: "\n\n")) == ##"data: {"C":"s-0,#","S":1,"M":[]}"##
                        + "\n\n")
                for title in Self.serverSentEvents.dropFirst().dropLast() {
                    try await expectSame(HTTPExchange.named(title), port: port, token: token)
                }
                let expected = normalized(connect.body).components(separatedBy: "\n").filter {
                    $0.contains(#""M":"#)
                }
                #expect(expected.count == 3)
                for frame in expected.dropFirst() {
                    #expect(normalized(try await stream.take(through: "\n\n")) == frame + "\n\n")
                }
                try await expectSame(HTTPExchange.named("abort (SSE)"), port: port, token: token)
                #expect(try await stream.rest() == "")
            }
        }
    }

    @Test("longPolling: polls answered later, again, and from any cursor")
    func longPollingPolls() async throws {
        try await withNode(keepAlive: .seconds(300)) { port in
            // Messages of other clients from before this one connected.
            let other = try await HubToken.negotiate(port: port)
            let before = try HTTPExchange.named("longPolling poll from an old cursor s-0,0").body
            let earlier = before.matches(of: #/"A":\["([^"]*)","([^"]*)"\]/#).map { (String($0.1), String($0.2)) }
            for (name, text) in earlier.dropLast() {
                try await send("Send", [name, text], port: port, token: other)
            }
            let token = try await HubToken.negotiate(port: port)
            let connect = try HTTPExchange.named("longPolling connect")
            let first = try await expectSame(connect, port: port, token: token)
            let cursor = try #require(first.firstMatch(of: #/s-0,[0-9A-F]+/#)?.output)
            try await expectSame(HTTPExchange.named("start (longPolling)"), port: port, token: token)

            let poll = try HTTPExchange.named("longPolling poll (answered by a later send)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await expectSame(poll, port: port, token: token, cursor: String(cursor)) }
                try await expectSame(HTTPExchange.named("send (longPolling)"), port: port, token: token)
                try await group.waitForAll()
            }
            for title in [
                "longPolling poll GET with messageId in the query, JSONP",
                "longPolling poll again from the first cursor: replays",
            ] {
                try await expectSame(HTTPExchange.named(title), port: port, token: token, cursor: String(cursor))
            }
            try await expectSame(
                HTTPExchange.named("longPolling poll from an old cursor s-0,0"), port: port, token: token)
            for title in Self.longPolling where try HTTPExchange.named(title).staysOpen {
                try await expectStaysOpen(HTTPExchange.named(title), port: port, token: token)
            }
            try await expectSame(HTTPExchange.named("abort (longPolling)"), port: port, token: token)
        }
    }

    @Test("foreverFrame: the page, and frames as scripts")
    func foreverFrame() async throws {
        let exchange = try HTTPExchange.named("foreverFrame connect")
        try await withNode { port in
            let token = try await HubToken.negotiate(port: port)
            try await open(exchange, port: port, token: token) { stream in
                let text = try await stream.take(through: "<body>") + stream.take(through: "</script>")
                #expect(
                    normalized(text).split(whereSeparator: \.isNewline).map {
                        $0.trimmingCharacters(in: .whitespaces)
                    }
                        == normalized(exchange.body).split(whereSeparator: \.isNewline)
                        .map { $0.trimmingCharacters(in: .whitespaces) })
            }
        }
    }

    @Test("without connectionData a connection has no hubs, and opens")
    func noConnectionData() async throws {
        let exchange = try HTTPExchange.named("hub without connectionData")
        try await withNode { port in
            let token = try await HubToken.negotiate(port: port)
            try await open(exchange, port: port, token: token) { stream in
                let text = try await stream.take(through: "\n\n") + stream.take(through: "\n\n")
                #expect(
                    normalized(text).split(separator: "\n") == normalized(exchange.body).split(separator: "\n"))
            }
        }
    }

    /// The real script is Microsoft's; this node's has different text with the same functions.
    @Test("the proxy script names the hub and its methods", arguments: ["hub proxies", "hub proxies (js)"])
    func proxies(title: String) async throws {
        let exchange = try HTTPExchange.named(title)
        try await withNode { port in
            try await RawHTTP.with(port: port, exchange.method, exchange.target) { response in
                #expect(response.status == exchange.status)
                expectHeaders(response, of: exchange)
                let script = try await response.rest()
                #expect(script.contains(#"proxies["chatHub"]"#))
                for method in ["Send", "Echo", "JoinGroup"] { #expect(script.contains("\"\(method)\"")) }
            }
        }
    }

    @Test("JSONP is refused unless it is allowed")
    func refusesJSONP() async throws {
        let exchange = try HTTPExchange.named("ping JSONP")
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis) { port in
                try await RawHTTP.with(port: port, exchange.method, exchange.target) { response in
                    #expect(response.status == 403)
                    let body = try await response.rest()
                    #expect(body == "Forbidden: JSONP is disabled.")
                }
            }
        }
    }

    // MARK: - The node

    private struct PlainError: Error, CustomStringConvertible {
        let description = "This is a plain exception"
    }

    /// The methods of the recorded application that the exchanges call.
    private static let hub = Hub("chatHub") { hub in
        hub.on("Send") { (call: HubCall, name: String, message: String) in
            try await call.clients.all.invoke("broadcastMessage", name, message)
        }
        hub.on("Echo") { (_: HubCall, value: JSONValue) in value }
        hub.on("FailPlain") { (_: HubCall) in throw PlainError() }
        hub.on("JoinGroup") { (call: HubCall, group: String) in
            try await call.groups.add(call.connectionID, to: group)
        }
    }

    private func withNode(
        keepAlive: Duration = HubNodeTiming().keepAlive, _ body: (_ port: Int) async throws -> Void
    ) async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis, hubs: [Self.hub],
                configure: {
                    $0.detailedErrors = true
                    $0.allowsJSONP = true
                    $0.timing.keepAlive = keepAlive
                }, body)
        }
    }

    private func send(_ method: String, _ arguments: [String], port: Int, token: String) async throws {
        let call = #"{"H":"chathub","M":"\#(method)","A":\#(arguments),"I":0}"#
        let data = try #require(call.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        try await RawHTTP.with(
            port: port, "POST", "/signalr/send?transport=longPolling&connectionToken=\(token)", form: "data=\(data)"
        ) { #expect($0.status == 200) }
    }

    // MARK: - Comparing

    private func open(
        _ exchange: HTTPExchange, port: Int, token: String, _ body: (RawHTTP) async throws -> Void
    ) async throws {
        try await RawHTTP.with(
            port: port, exchange.method, exchange.target.replacingOccurrences(of: "<TOKEN>", with: token)
        ) { response in
            #expect(response.status == exchange.status)
            expectHeaders(response, of: exchange)
            try await body(response)
        }
    }

    /// - Parameter cursor: replaces the recorded one.
    @discardableResult
    private func expectSame(
        _ exchange: HTTPExchange, port: Int, token: String, cursor: String? = nil
    ) async throws -> String {
        var (target, form) = (exchange.target.replacingOccurrences(of: "<TOKEN>", with: token), exchange.form)
        if let cursor {
            let encoded = cursor.replacingOccurrences(of: ",", with: "%2C")
            target = target.replacingOccurrences(of: "s-0%2C23", with: encoded)
            form = form?.replacingOccurrences(of: "s-0%2C23", with: encoded)
        }
        return try await RawHTTP.with(port: port, exchange.method, target, form: form) { response in
            #expect(response.status == exchange.status, "\(exchange.title)")
            expectHeaders(response, of: exchange)
            let body = try await response.rest()
            // The JSON is surrounded by chunk ends and, if the recorded poll waited long, keep-alive spaces.
            #expect(
                normalized(body) == normalized(exchange.body.trimmingCharacters(in: .whitespacesAndNewlines)),
                "\(exchange.title)")
            return body
        }
    }

    private func expectHeaders(_ response: RawHTTP, of exchange: HTTPExchange) {
        for (name, value) in exchange.headers {
            #expect(response.header(name) == value, "\(exchange.title): \(name)")
        }
        #expect(response.header("X-Content-Type-Options") == exchange.headers["x-content-type-options"])
        #expect(response.header("Content-Type") == exchange.headers["content-type"], "\(exchange.title)")
    }

    /// A poll without a response. Its absence can only be waited for: a short time must suffice.
    private func expectStaysOpen(_ exchange: HTTPExchange, port: Int, token: String) async throws {
        let target = exchange.target.replacingOccurrences(of: "<TOKEN>", with: token)
        let answer = try await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask {
                try? await RawHTTP.with(port: port, exchange.method, target, form: exchange.form) {
                    try await $0.rest()
                }
            }
            group.addTask {
                try await Task.sleep(for: .milliseconds(300))
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        #expect(answer == nil, "\(exchange.title)")
    }

    /// Replaces values that differ from run to run by their form.
    private func normalized(_ text: String) -> String {
        text.replacing(#/"ConnectionToken":"[A-Za-z0-9+\/=.]+"/#, with: ##""ConnectionToken":"#""##)
            .replacing(
                #/"ConnectionId":"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"/#,
                with: ##""ConnectionId":"#""##
            )
            .replacing(#/"C":"s-0,[0-9A-F]+"/#, with: ##""C":"s-0,#""##)
            .replacing(#/"G":"[A-Za-z0-9+\/=.]+"/#, with: ##""G":"#""##)
    }
}
