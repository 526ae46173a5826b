import HTTPTypes
import Testing

@testable import HubNode

@Suite("Request gate")
struct RequestGateTests {
    private static let id = "4c77950c-306b-4ff7-aa03-ae6f7a207708"
    private static let sealer = TokenSealer(key: .shared)
    private static let bare500 = RequestGate.Refusal(status: .internalServerError, message: "", reason: .unknownHub)
    private static let userChanged = RequestGate.Refusal(
        status: .forbidden,
        message: "Unrecognized user identity.  The user identity cannot change during an active SignalR connection.",
        reason: .userChanged)

    private let gate = RequestGate(
        path: "/signalr", sealer: sealer,
        dispatcher: HubDispatcher(
            hubs: [.chat, Hub("Orders") { _ in }], detailedErrors: false, metrics: HubMetrics(version: "test"),
            logger: .silent))

    private func token(user: String = "") -> String {
        Self.sealer.connectionToken(connectionID: Self.id, user: user)
    }

    private func fields(token: String, _ more: String...) -> FormFields {
        let encoded = token.replacing("+", with: "%2B")
        return FormFields((["transport=longPolling", "connectionToken=\(encoded)"] + more).joined(separator: "&"))
    }

    private func fault<Success>(_ result: Result<Success, RequestGate.Refusal>) -> RequestGate.Refusal? {
        if case .failure(let refusal) = result { refusal } else { nil }
    }

    // MARK: - Paths

    private static let paths: [(path: String, endpoint: Endpoint?)] = [
        ("/signalr/negotiate", .negotiate), ("/signalr/ping", .ping), ("/signalr/connect", .connect),
        ("/signalr/start", .start), ("/signalr/reconnect", .reconnect), ("/signalr/poll", .poll),
        ("/signalr/send", .send), ("/signalr/abort", .abort), ("/signalr/hubs", .hubs), ("/signalr/js", .js),
        ("/signalr/NeGoTiAtE", .negotiate),
        ("/SIGNALR/negotiate", .negotiate), ("/SignalR/Poll", .poll), ("/signalr/hubs/", .hubs), ("/signalr/JS//", .js),
        // Like a real node, which ignores anything before it.
        ("/signalr//negotiate", .negotiate), ("/signalr/x/negotiate", .negotiate),
        ("/signalr/negotiate/", nil), ("/signalr/ping/", nil),
        ("/signalr/whatever", nil), ("/signalr/", nil), ("/signalr", nil), ("/", nil), ("", nil),
        ("/signalrnegotiate", nil), ("/signalr2/negotiate", nil), ("/echo/negotiate", nil), ("/negotiate", nil),
        ("/x/signalr/negotiate", nil), ("/signalr/negotiate/x", nil),
    ]

    @Test("the last component of the path is the endpoint, ignoring case", arguments: paths)
    func endpoint(path: String, endpoint: Endpoint?) {
        #expect(gate.endpoint(of: path) == endpoint)
    }

    // MARK: - As recorded

    private static let recorded: [(title: String, reason: HubMetrics.Refusal)] = [
        ("negotiate unknown hub", .unknownHub), ("connect without token", .protocolError),
        ("connect with a bad token", .badToken), ("connect with an unknown transport", .protocolError),
        ("unknown path below /signalr", .protocolError),
    ]

    @Test("refuses like a real node", arguments: recorded)
    func refusesAsRecorded(title: String, reason: HubMetrics.Refusal) throws {
        let recording = try Recording.named(title, token: token())
        let endpoint = gate.endpoint(of: recording.path) ?? .poll
        let refusal = try #require(
            fault(gate.sessionRequest(endpoint, fields: recording.query, form: FormFields())))
        #expect(refusal.status.code == recording.status)
        #expect(refusal.message == recording.text)
        #expect(refusal.reason == reason)
    }

    @Test(
        "accepts the same requests as a real node",
        arguments: [
            "start (SSE)", "send: void method", "SSE connect (kept open 13 s: keep alive after 10 s)", "abort (SSE)",
            "longPolling connect", "foreverFrame connect", "hub without connectionData",
            // The transport determines the response.
            "connect webSockets without upgrade",
        ])
    func acceptsAsRecorded(title: String) throws {
        let recording = try Recording.named(title, token: token())
        let endpoint = try #require(gate.endpoint(of: recording.path))
        let request = try gate.sessionRequest(endpoint, fields: recording.query, form: FormFields()).get()
        #expect(request.connectionID == Self.id)
        #expect(request.hubs == (title == "hub without connectionData" ? [] : ["chatHub"]))
        #expect(request.transport.rawValue == recording.query["transport"])
    }

    // MARK: - Order of the checks

    private static let orders: [(query: String, message: String)] = [
        ("connectionData=[{\"name\":\"none\"}]", ""),
        ("connectionData=[{\"name\":\"none\"}]&transport=pigeon&connectionToken=AAAA", ""),
        ("", "Protocol error: Unknown transport."),
        ("connectionToken=AAAA", "Protocol error: Unknown transport."),
        ("transport=&connectionToken=AAAA", "Protocol error: Unknown transport."),
        ("transport=web", "Protocol error: Unknown transport."),
        ("transport=longPolling", "Protocol error: Missing connection token."),
        ("transport=longPolling&connectionToken=", "Protocol error: Missing connection token."),
        ("transport=longPolling&connectionToken=AAAA", "The ConnectionId is in the incorrect format."),
        ("transport=longPolling&connectionToken=%2B", "The ConnectionId is in the incorrect format."),
        ("transport=longPolling&connectionToken=AAAA&user=x", "The ConnectionId is in the incorrect format."),
    ]

    @Test("of several faults the first is reported", arguments: orders)
    func order(query: String, message: String) throws {
        let result = gate.sessionRequest(.connect, fields: FormFields(query), form: FormFields())
        let refusal = try #require(fault(result))
        #expect(refusal.message == message)
        #expect(refusal.status == (message.isEmpty ? .internalServerError : .badRequest))
    }

    // MARK: - Transport

    private static let transports: [(name: String, transport: TransportKind)] = [
        ("webSockets", .webSockets), ("websockets", .webSockets), ("SERVERSENTEVENTS", .serverSentEvents),
        ("ForeverFrame", .foreverFrame), ("longPolling", .longPolling),
    ]

    @Test("names of transports ignore case", arguments: transports)
    func transport(name: String, transport: TransportKind) throws {
        let query = FormFields("transport=\(name)&connectionToken=\(token().replacing("+", with: "%2B"))")
        #expect(try gate.sessionRequest(.connect, fields: query, form: FormFields()).get().transport == transport)
    }

    // MARK: - User

    private static let users: [(sealed: String, asked: String, isSame: Bool)] = [
        ("", "", true), ("", "user=", true), ("alice", "user=alice", true), ("alice", "user=ALICE", true),
        ("Élise", "user=%C3%89LISE", true), ("a b", "user=a+b", true),
        ("alice", "", false), ("alice", "user=", false), ("alice", "user=bob", false), ("", "user=alice", false),
        ("alice", "user=alice2", false), ("alice", "user=bob&user=alice", false),
        // Different bytes are a different user, even if they look alike.
        ("zo\u{E9}", "user=zoe%CC%81", false), ("k", "user=%E2%84%AA", false), ("ss", "user=%C3%9F", false),
    ]

    @Test("a token belongs to its user", arguments: users)
    func user(sealed: String, asked: String, isSame: Bool) throws {
        let result = gate.sessionRequest(.send, fields: fields(token: token(user: sealed), asked), form: FormFields())
        if isSame {
            // A real node takes the user from the request, with its case.
            #expect(try result.get().user == FormFields(asked)["user"] ?? "")
        } else {
            #expect(fault(result) == Self.userChanged)
        }
    }

    @Test("a groups token is not a connection token")
    func groupsTokenForConnectionToken() {
        let token = Self.sealer.groupsToken(connectionID: Self.id, groups: ["chatHub.room"])
        let result = gate.sessionRequest(.connect, fields: fields(token: token), form: FormFields())
        #expect(fault(result)?.reason == .badToken)
    }

    // MARK: - Groups and cursor

    @Test("the groups token is in the form or the query; the form takes precedence")
    func groups() throws {
        func encoded(_ groups: [String]) -> String {
            Self.sealer.groupsToken(connectionID: Self.id, groups: groups).replacing("+", with: "%2B")
        }
        let query = fields(token: token(), "groupsToken=\(encoded(["chatHub.query"]))")
        let form = FormFields("groupsToken=\(encoded(["chatHub.form"]))")
        #expect(
            try gate.sessionRequest(.reconnect, fields: query, form: FormFields()).get().groups == ["chatHub.query"])
        #expect(try gate.sessionRequest(.poll, fields: query, form: form).get().groups == ["chatHub.form"])
        #expect(
            try gate.sessionRequest(.poll, fields: fields(token: token()), form: form).get().groups == ["chatHub.form"])
    }

    @Test("a bad groups token means no groups, not an error")
    func badGroups() throws {
        let other = Self.sealer.groupsToken(connectionID: "another", groups: ["chatHub.room"])
        for groupsToken in ["AAAA", "garbage", "%00", token(), other] {
            let form = FormFields("groupsToken=\(groupsToken.replacing("+", with: "%2B"))")
            let request = try gate.sessionRequest(.poll, fields: fields(token: token()), form: form).get()
            #expect(request.groups.isEmpty, "\(groupsToken)")
        }
    }

    private static let cursors: [(endpoint: Endpoint, query: String, form: String, cursor: UInt64?)] = [
        (.poll, "", "messageId=s-0%2C1E", 30), (.poll, "messageId=s-0%2C1E", "", 30),
        (.poll, "messageId=s-0%2C1", "messageId=s-0%2C2", 2), (.reconnect, "messageId=s-0,A", "", 10),
        (.poll, "messageId=garbage", "", nil), (.poll, "", "messageId=d-A%2C1%7CB%2C2", nil), (.poll, "", "", nil),
        // A new connection has received nothing, whatever its cursor.
        (.connect, "messageId=s-0,A", "", nil),
    ]

    @Test("the cursor is the client's position", arguments: cursors)
    func cursor(endpoint: Endpoint, query: String, form: String, cursor: UInt64?) throws {
        let request = try gate.sessionRequest(
            endpoint, fields: fields(token: token(), query), form: FormFields(form)
        ).get()
        #expect(request.cursor == cursor)
    }

    @Test(
        "only connect opens a new connection", arguments: [Endpoint.connect, .reconnect, .poll, .send, .abort, .start])
    func purpose(endpoint: Endpoint) throws {
        let request = try gate.sessionRequest(endpoint, fields: fields(token: token()), form: FormFields()).get()
        #expect((request.purpose == .connect) == (endpoint == .connect))
    }

    // MARK: - Hubs

    private static let hubLists: [(data: String, hubs: [String])] = [
        ("[]", []), (#"[{"name":"chatHub"}]"#, ["chatHub"]), (#"[{"name":"CHATHUB"}]"#, ["chatHub"]),
        (#"[{"Name":"orders"}]"#, ["Orders"]), (#" [ { "name" : "chathub" } ] "#, ["chatHub"]),
        (#"[{"name":"orders"},{"name":"chathub"}]"#, ["Orders", "chatHub"]),
        (#"[{"name":"chat\u0048ub","extra":[1,{}]}]"#, ["chatHub"]), ("null", []), ("[{name:'chathub'},]", ["chatHub"]),
        (#"/*c*/[{"NAME":"chathub"}]x"#, ["chatHub"]),
    ]

    @Test("hub names ignore case, in any JSON that Newtonsoft.Json reads", arguments: hubLists)
    func hubs(data: String, hubs: [String]) throws {
        #expect(try gate.hubs(FormFields("connectionData=\(data)")).get() == hubs)
    }

    @Test(
        "an unknown hub or an unreadable list is a bare 500",
        arguments: [
            #"[{"name":"none"}]"#, #"[{"name":"chatHub"},{"name":"none"}]"#, #"[{"name":""}]"#,
            #"[{"name":"chatHub "}]"#, "notjson", "{}", #"{"name":"chatHub"}"#, "[", "[1]", "[null]", "[{}]",
            #"["chatHub"]"#, #"[{"name":null}]"#, #"[{"name":1}]"#, #"[{"name":"chatHub"}"#, #"[{"name":"\ud83d"}]"#,
            "%FF", #"[{"name":"chatHub"},{"name":"chathub"}]"#, "[new Date(1)]",
        ])
    func noHub(data: String) {
        let query = FormFields("connectionData=\(data)")
        #expect(fault(gate.hubs(query)) == Self.bare500)
        let everythingElse = fields(token: token(), "connectionData=\(data)")
        #expect(
            fault(gate.sessionRequest(.connect, fields: everythingElse, form: FormFields())) == Self.bare500)
    }

    @Test("without connectionData there are no hubs; a form may contain it instead of the query")
    func hubsInForm() throws {
        let form = FormFields(#"connectionData=[{"name":"chathub"}]"#)
        #expect(try gate.hubs(FormFields()).get() == [])
        #expect(try gate.hubs(FormFields("connectionData=")).get() == [])
        #expect(try gate.hubs(FormFields(), form: form).get() == ["chatHub"])
        #expect(try gate.hubs(FormFields(#"connectionData=[{"name":"orders"}]"#), form: form).get() == ["Orders"])
    }
}
