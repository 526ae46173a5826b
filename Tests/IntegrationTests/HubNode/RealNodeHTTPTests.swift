import Foundation
import HubNode
import TestSupport
import Testing

/// Each line of Vectors/real-nodes/http.jsonl: a real node's response, compared with this node's.
@Suite("Requests compared with a real node", .serialized, .needs(.redisServer))
struct RealNodeHTTPTests {
    struct Line: Decodable, Sendable {
        struct Answer: Decodable, Sendable {
            var status: Int
            var contentType: String?
            var body: String

            enum CodingKeys: String, CodingKey {
                case status, body
                case contentType = "content_type"
            }
        }

        var method: String
        var path: String
        var body: String?
        var headers: [String: String]?
        var openTransportFirst: String?
        var answer: Answer

        enum CodingKeys: String, CodingKey {
            case method, path, body, headers, answer
            case openTransportFirst = "open_transport_first"
        }
    }

    /// Intentional deviations from the real node, with the reason; each must really differ.
    private static let deviations: [Int: String] = [:]
    private static let count = 66

    private static func lines() throws -> [Line] {
        guard
            let file = Bundle.module.url(
                forResource: "http", withExtension: "jsonl", subdirectory: "Vectors/real-nodes")
        else { throw TestFailure("no Vectors/real-nodes/http.jsonl in the test bundle") }
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
    }

    @Test("line by line")
    func everyLine() async throws {
        let lines = try Self.lines()
        #expect(lines.count == Self.count)
        try await withNode { port in
            for (index, line) in lines.enumerated() {
                let answered = try await answer(to: line, port: port)
                let expected = "\(line.answer.status) \(line.answer.contentType ?? "-") \(line.answer.body)"
                if Self.deviations[index] != nil {
                    #expect(
                        answered != expected, "line \(index + 1) is listed as a deviation, but does not deviate")
                } else {
                    #expect(
                        answered == expected, "line \(index + 1): \(line.method) \(line.path) \(line.body ?? "")")
                }
            }
        }
    }

    @Test("the base path ignores case, alone it is no transport, and a call of 3 MB is accepted")
    func pathAndSize() async throws {
        try await withNode { port in
            let negotiated = try await RawHTTP.with(port: port, "GET", "/SignalR/Negotiate?user=bob") {
                (status: $0.status, body: try await $0.rest())
            }
            #expect(negotiated.status == 200)
            // Like a real node: the rest of the path is kept unchanged.
            #expect(negotiated.body.contains(#""Url":"/SignalR/Negotiate""#))
            for path in ["/signalr", "/SIGNALR", "/signalr/"] {
                let status = try await RawHTTP.with(port: port, "GET", path) { $0.status }
                #expect(status == 400, "\(path)")
            }
            let token = try await HubToken.negotiate(port: port, query: "user=bob")
            let text = String(repeating: "x", count: 3 << 20)
            let call = #"data={"H":"chathub","M":"echo","A":["\#(text)"],"I":1}"#
            let answer = try await RawHTTP.with(
                port: port, "POST", "/signalr/send?transport=longPolling&user=bob&connectionToken=\(token)",
                form: call
            ) { try await $0.rest() }
            #expect(answer == #"{"R":"\#(text)","I":"1"}"#)
        }
    }

    @Test("an empty or invalid text frame on a webSocket is ignored, and the next call is answered")
    func framesThatAreNoCalls() async throws {
        try await withNode { port in
            let token = try await HubToken.negotiate(port: port, query: "clientProtocol=2.1&user=bob")
            let socket = try HalfRequest(
                port: port,
                """
                GET /signalr/connect?transport=webSockets&clientProtocol=2.1&user=bob&connectionToken=\(token) HTTP/1.1\r
                Host: 127.0.0.1:\(port)\r
                Connection: Upgrade\r
                Upgrade: websocket\r
                Sec-WebSocket-Version: 13\r
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
                \r

                """)
            defer { socket.close() }
            for (index, frame) in ["", " ", "nonsense", "{", "[1]", "7", "null", #"{"H":"#].enumerated() {
                #expect(socket.send(Self.textFrame(frame)))
                #expect(
                    socket.send(Self.textFrame(#"{"H":"chathub","M":"echo","A":["\#(index)"],"I":\#(index)}"#)))
                var received = ""
                let answer = #"{"R":"\#(index)","I":"\#(index)"}"#
                _ = try await eventually("the call after '\(frame)' is answered") { () -> Bool? in
                    received += socket.received()
                    return received.contains(answer) ? true : nil
                }
            }
        }
    }

    @Test("a refused webSocket gets the reason over HTTP")
    func refusedWebSocket() async throws {
        try await withNode { port in
            let socket = try HalfRequest(
                port: port,
                """
                GET /signalr/reconnect?transport=webSockets&clientProtocol=2.1&connectionToken=AAAA HTTP/1.1\r
                Host: 127.0.0.1:\(port)\r
                Connection: keep-alive, Upgrade\r
                Upgrade: websocket\r
                Sec-WebSocket-Version: 13\r
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
                \r

                """)
            defer { socket.close() }
            var received = ""
            _ = try await eventually("the refusal arrives") { () -> Bool? in
                received += socket.received()
                return received.contains("The ConnectionId is in the incorrect format.") ? true : nil
            }
            #expect(received.hasPrefix("HTTP/1.1 400 "))
        }
    }

    /// Masked with zeros, which leaves the bytes unchanged.
    private static func textFrame(_ text: String) -> [UInt8] {
        [0x81, 0x80 | UInt8(text.utf8.count), 0, 0, 0, 0] + Array(text.utf8)
    }

    // MARK: - The node

    private func withNode(_ body: (_ port: Int) async throws -> Void) async throws {
        let orders = Hub("OrderHub") { hub in
            hub.on("place") { (_: HubCall, _: JSONValue) in }
        }
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis, hubs: [.chat, orders],
                configure: {
                    $0.allowsJSONP = true
                    // No keep-alive between the frames.
                    $0.timing.longPoll = .seconds(110)
                }, body)
        }
    }

    /// Status, content type and body; variable parts are replaced like in the file.
    private func answer(to line: Line, port: Int) async throws -> String {
        let token = try await HubToken.negotiate(port: port, query: "clientProtocol=2.1&user=bob")
        guard let transport = line.openTransportFirst else { return try await exchange(line, token, port) }
        let connect =
            "/signalr/connect?transport=\(transport)&clientProtocol=2.1&connectionToken=\(token)"
            + "&connectionData=%5B%7B%22name%22%3A%22chathub%22%7D%5D&user=bob"
        return try await RawHTTP.with(port: port, "GET", connect) { stream in
            _ = try await stream.take(through: #""M":[]}"#)
            return try await exchange(line, token, port)
        }
    }

    private func exchange(_ line: Line, _ token: String, _ port: Int) async throws -> String {
        let path = line.path.replacingOccurrences(of: "{T}", with: token)
        return try await RawHTTP.with(
            port: port, line.method, path, headers: (line.headers ?? [:]).map { ($0.key, $0.value) },
            form: line.body
        ) { response in
            let body: String
            if line.answer.contentType == "text/event-stream" {
                // The stream continues: read as much as the real node had sent.
                var taken = ""
                for _ in line.answer.body.components(separatedBy: "\n\n").dropLast() {
                    taken += try await response.take(through: "\n\n")
                }
                body = taken
            } else {
                body = try await response.rest()
            }
            return "\(response.status) \(response.header("Content-Type") ?? "-") \(normalized(body))"
        }
    }

    private func normalized(_ text: String) -> String {
        text.replacing(#/"ConnectionToken":"[A-Za-z0-9+\/=.]+"/#, with: #""ConnectionToken":"*""#)
            .replacing(#/"ConnectionId":"[0-9a-f-]{36}"/#, with: #""ConnectionId":"GUID""#)
            .replacing(#/"C":"s-0,[0-9A-F]+"/#, with: #""C":"*""#)
    }
}
