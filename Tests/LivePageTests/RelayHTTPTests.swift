import Capture
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Prometheus
import Testing
import Time

@testable import LivePage
@testable import Relay

@Suite struct RelayHTTPTests {
    struct Answer {
        var status: HTTPResponse.Status
        var contentType: String?
        var text: String
        var headers = HTTPFields()
    }

    private struct Collector: ResponseBodyWriter {
        let stream: AsyncStream<ByteBuffer>.Continuation

        mutating func write(_ buffer: ByteBuffer) async throws { stream.yield(buffer) }
        consuming func finish(_ trailingHeaders: HTTPFields?) async throws { stream.finish() }
    }

    private func get(
        _ path: String, method: HTTPRequest.Method = .get, accept: String? = nil, authorization: String? = nil,
        cookie: String? = nil, origin: String? = nil, fetchSite: String? = nil, form: String = "",
        status: RelayStatus = RelayStatus(records: true),
        parts: RelayParts? = nil, token: WebToken? = nil, sessions: WebSessions? = nil
    ) async throws -> Answer {
        let sessions = sessions ?? token.map { WebSessions(token: $0) }
        let parts = try parts ?? makeParts(["chat", "game"])
        let context = RelayContext(
            attached: parts.context.attached, registry: parts.context.registry, status: status,
            logger: parts.context.logger)
        let responder = RelayHTTP(
            context: context, site: WebSite(sessions: sessions, isSecure: false), pages: LivePage(of: parts)
        ).router().buildResponder()
        var headers = HTTPFields()
        headers[.accept] = accept
        headers[.authorization] = authorization
        headers[.cookie] = cookie
        headers[.origin] = origin
        if let name = HTTPField.Name("Sec-Fetch-Site") { headers[name] = fetchSite }
        let request = Request(
            head: HTTPRequest(method: method, scheme: "http", authority: "relay", path: path, headerFields: headers),
            body: RequestBody(buffer: ByteBuffer(string: form)))
        let requestContext = BasicRequestContext(
            source: ApplicationRequestContextSource(
                channel: NIOAsyncTestingChannel(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        let response: Response
        do {
            response = try await responder.respond(to: request, context: requestContext)
        } catch let error as HTTPError {
            return Answer(status: error.status, contentType: nil, text: "")
        }
        let (stream, continuation) = AsyncStream<ByteBuffer>.makeStream()
        try await response.body.write(Collector(stream: continuation))
        var text = ""
        for await buffer in stream { text += String(buffer: buffer) }
        return Answer(
            status: response.status, contentType: response.headers[.contentType], text: text, headers: response.headers)
    }

    static let formats: [(accept: String?, contentType: String, ending: String)] = [
        (nil, "text/plain; version=0.0.4; charset=utf-8", "\n"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", "\n"),
        ("text/html", "text/plain; version=0.0.4; charset=utf-8", "\n"),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
            "application/openmetrics-text; version=1.0.0; charset=utf-8", "\n# EOF\n"
        ),
    ]

    @Test(arguments: formats) func metrics(accept: String?, contentType: String, ending: String) async throws {
        let parts = try makeParts()
        parts.observing.reconnects.increment(by: 7)
        let answer = try await get("/metrics", accept: accept, parts: parts)
        #expect(answer.status == .ok)
        #expect(answer.contentType == contentType)
        #expect(answer.text.contains("\nbackplane_relay_reconnects_total 7\n"))
        #expect(answer.text.hasSuffix(ending))
        #expect(answer.text.contains("# EOF") == ending.contains("# EOF"))
    }

    @Test func metricsOfManyChannelsAreComplete() async throws {
        let names = (100..<300).map { "channel \($0)" }
        let parts = try makeParts(names)
        for (index, channel) in parts.observing.channels.enumerated() { channel.envelopes.increment(by: index) }
        let answer = try await get("/metrics", parts: parts)
        let lines = answer.text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(
            lines.filter { $0.hasPrefix("signalr_backplane_envelopes_total") }
                == names.enumerated().map {
                    #"signalr_backplane_envelopes_total{channel="\#($1)",backplane="signalr2"} \#($0)"#
                })
        // One ends at the start of the next piece.
        #expect(lines.dropLast().allSatisfy { $0.wholeMatch(of: #/# .*|[a-z_]+(\{.*\})? \S+/#) != nil })
        #expect(lines.last == "")
    }

    @Test func healthyWheneverItResponds() async throws {
        let answer = try await get("/-/healthy")
        #expect(answer.status == .ok)
        #expect(answer.text == "backplane-relay is running\n")
    }

    @Test func readyOnlyWhileSubscribedAndWriting() async throws {
        let status = RelayStatus(records: true)
        var answer = try await get("/-/ready", status: status)
        #expect(answer.status == .serviceUnavailable)
        #expect(answer.text == "not ready: not subscribed to Redis\n")
        status.isSubscribed = true
        answer = try await get("/-/ready", status: status)
        #expect(answer.status == .serviceUnavailable)
        #expect(answer.text == "not ready: the capture is not being written\n")
        status.isWriting = true
        answer = try await get("/-/ready", status: status)
        #expect(answer.status == .ok)
        #expect(answer.text == "ready\n")
    }

    @Test func withoutTheTokenOnlyHealthyResponds() async throws {
        let path = "/tmp/backplane-relay-token-\(UUID().uuidString)"
        try Data("0123456789abcdef".utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let token = try WebToken(file: path)
        for authorization in [nil, "", "Bearer", "Bearer ", "Basic 0123456789abcdef", "Bearer 0123456789abcdeg"] {
            for path in [
                "/metrics", "/-/ready", "/", "/nothing", "/-/healthy/x", "/-/healthyx", "/live", "/live.js", "/login/x",
                "/segments/x.mcap",
            ] {
                let answer = try await get(path, authorization: authorization, token: token)
                #expect(answer.status == .unauthorized, "\(path) with \(authorization ?? "nothing")")
                #expect(answer.text == "")
            }
            #expect(try await get("/-/healthy", authorization: authorization, token: token).status == .ok)
        }
        for authorization in ["Bearer 0123456789abcdef", "bearer 0123456789abcdef"] {
            #expect(try await get("/metrics", authorization: authorization, token: token).status == .ok)
        }
    }

    @Test func theRootListsTheOtherPaths() async throws {
        let answer = try await get("/")
        #expect(answer.status == .ok)
        #expect(answer.contentType == "text/plain; charset=utf-8")
        for word in ["chat, game", "/metrics", "/-/ready", "a master", "503", "/-/healthy"] {
            #expect(answer.text.contains(word))
        }
        #expect(try await get("/nothing").status == .notFound)
    }

    @Test func aBrowserGetsThePage() async throws {
        let answer = try await get("/", accept: "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
        #expect(answer.contentType == "text/html; charset=utf-8")
        #expect(answer.text.contains("\"live.js\""))
        let policy = try #require(answer.headers[.contentSecurityPolicy])
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            #expect(policy.contains(rule))
        }
        #expect(!answer.text.contains("<script>") && !answer.text.contains("style="), "the policy forbids them")
        for path in ["/live.js", "/chart.js", "/words.js", "/live.css"] {
            #expect(try await get(path).status == .ok)
        }
    }

    @Test(arguments: ["/": "live.html", "/live.js": nil, "/chart.js": nil, "/words.js": nil, "/live.css": nil])
    func `a file of the page is served byte for byte`(path: String, name: String?) async throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/LivePage/Page")
        let file = try String(
            contentsOf: folder.appending(path: name ?? String(path.dropFirst())), encoding: .utf8)
        #expect(try await get(path, accept: "text/html").text == file)
    }

    @Test func `the login form is served byte for byte except for its note`() async throws {
        let form = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/LivePage/Page/login.html")
        let sessions = try webSessions()
        #expect(
            try await get("/login", sessions: sessions).text
                == String(contentsOf: form, encoding: .utf8).replacing("{{note}}", with: ""))
    }

    @Test func aBrowserLogsInWithTheToken() async throws {
        let sessions = try webSessions()
        var answer = try await get("/", accept: "text/html", sessions: sessions)
        #expect(answer.status == .unauthorized && answer.text.contains("action=\"login\""))
        #expect(try await get("/live.css", sessions: sessions).status == .ok)

        answer = try await get("/login", method: .post, form: Self.form, sessions: sessions)
        #expect(answer.status == .seeOther && answer.headers[.location] == "./")
        let cookie = try #require(answer.headers[.setCookie])
        #expect(Set(cookie.split(separator: "; ")).isSuperset(of: ["HttpOnly", "SameSite=Strict"]))

        let pair = String(cookie.prefix { $0 != ";" })
        answer = try await get("/", accept: "text/html", cookie: pair, sessions: sessions)
        #expect(answer.status == .ok && answer.text.contains("\"live.js\""))
        #expect(try await get("/metrics", cookie: pair, sessions: sessions).status == .ok)
        #expect(try await get("/metrics", cookie: pair + "0", sessions: sessions).status == .unauthorized)
    }

    @Test func aWrongTokenIsRefusedAndDelaysTheNextAttempt() async throws {
        let sessions = try webSessions()
        var answer = try await get("/login", method: .post, form: "token=wrong", sessions: sessions)
        #expect(answer.status == .unauthorized && answer.headers[.setCookie] == nil)
        // However late the next request arrives.
        var later = Moment.now()
        later.monotonic += 3_600_000_000_000
        #expect(sessions.login("wrong", at: later) == .wrongToken)
        answer = try await get("/login", method: .post, form: Self.form, sessions: sessions)
        #expect(answer.status == .tooManyRequests && answer.headers[.setCookie] == nil)
    }

    @Test func loggingOutRemovesTheCookieAndEndsTheSession() async throws {
        try await withSession { sessions, cookie in
            let answer = try await get(
                "/logout", method: .post, cookie: cookie, origin: "http://relay", sessions: sessions)
            #expect(answer.status == .seeOther && answer.headers[.location] == "./")
            let taken = try #require(answer.headers[.setCookie])
            // Hummingbird's order varies.
            #expect(taken.hasPrefix("\(sessions.cookieName)=; "))
            #expect(Set(taken.split(separator: "; ").dropFirst()) == ["Max-Age=0", "HttpOnly", "SameSite=Strict"])
            #expect(try await get("/metrics", cookie: cookie, sessions: sessions).status == .unauthorized)
            // Again, or after a restart of the relay: there is nothing to end, and no error.
            #expect(try await get("/logout", method: .post, cookie: cookie, sessions: sessions).status == .seeOther)
        }
    }

    static let strangers: [(origin: String?, fetchSite: String?)] = [
        ("http://other", nil), ("http://relay:8080", nil), ("http://relay.other", nil), ("null", nil), ("relay", nil),
        (nil, "cross-site"), ("http://relay", "same-site"),
    ]

    @Test(arguments: strangers) func postsFromOtherSitesAreRefused(origin: String?, fetchSite: String?) async throws {
        try await withSession { sessions, cookie in
            for path in ["/logout", "/login"] {
                let answer = try await get(
                    path, method: .post, cookie: cookie, origin: origin, fetchSite: fetchSite,
                    form: "token=0123456789abcdef", sessions: sessions)
                #expect(answer.status == .forbidden && answer.headers[.setCookie] == nil)
            }
            #expect(try await get("/metrics", cookie: cookie, sessions: sessions).status == .ok)
        }
    }

    @Test(
        arguments: [
            (nil, nil), ("http://relay", "same-origin"), ("https://RELAY", nil), (nil, "none"),
            // Behind a proxy that uses its own host name in requests.
            ("https://proxy.example", "same-origin"),
        ] as [(String?, String?)]) func ownPagesAndProgramsPost(origin: String?, fetchSite: String?) async throws
    {
        try await withSession { sessions, cookie in
            let answer = try await get(
                "/logout", method: .post, cookie: cookie, origin: origin, fetchSite: fetchSite, sessions: sessions)
            #expect(answer.status == .seeOther)
        }
    }

    @Test func loggingOutRequiresPost() async throws {
        try await withSession { sessions, cookie in
            let answer = try await get("/logout", cookie: cookie, sessions: sessions)
            #expect(answer.status == .notFound)
            #expect(try await get("/metrics", cookie: cookie, sessions: sessions).status == .ok)
        }
    }

    @Test(arguments: [
        ("token=abc", "abc"), ("a=b&token=x%2By+z%20", "x+y z"), ("token=%zz%4", "%zz%4"), ("token=", ""), ("", ""),
        ("tokens=abc", ""), ("token=%D0%B1%0D%0A", "б"),
    ]) func formsAsBrowsersSendThem(form: String, token: String) { #expect(FormToken.value(in: form) == token) }

    private static let form = "token=0123456789abcdef"

    private func webSessions() throws -> WebSessions {
        let path = "/tmp/backplane-relay-token-\(UUID().uuidString)"
        try Data("0123456789abcdef".utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return WebSessions(token: try WebToken(file: path))
    }

    /// - Parameter body: called with the cookie of a logged-in browser.
    private func withSession(_ body: (WebSessions, _ cookie: String) async throws -> Void) async throws {
        let sessions = try webSessions()
        let answer = try await get("/login", method: .post, form: Self.form, sessions: sessions)
        let cookie = try #require(answer.headers[.setCookie])
        try await body(sessions, String(cookie.prefix { $0 != ";" }))
    }
}
