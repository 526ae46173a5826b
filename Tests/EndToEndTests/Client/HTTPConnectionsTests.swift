import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import SignalRClient

@Suite(.timeLimit(.minutes(1)))
struct HTTPConnectionsTests {
    struct Form: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// The raw response.
        let response: String
        let body: String
        let reuses: Bool
    }

    @Test(
        "Every form of a response is read, and its connection is reused if it may be",
        arguments: [
            Form(
                testDescription: "Content-Length", response: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                body: "hello", reuses: true),
            Form(
                testDescription: "an empty body", response: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", body: "",
                reuses: true),
            Form(
                testDescription: "no body", response: "HTTP/1.1 204 No Content\r\n\r\n", body: "", reuses: true),
            Form(
                testDescription: "chunks",
                response: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
                body: "hello", reuses: true),
            Form(
                testDescription: "an informational response before it",
                response: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                body: "hello",
                reuses: true),
            Form(
                testDescription: "Connection: close",
                response: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", body: "hello",
                reuses: false),
            Form(
                testDescription: "HTTP/1.0", response: "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                body: "hello",
                reuses: false),
        ])
    func responses(form: Form) async throws {
        try await RawServer.run { _, _ in
            .send(form.response)
        } body: { server, connections in
            for _ in 1...3 {
                let response = try await connections.response(to: server.get, within: .seconds(10))
                let body = try await response.body.collect(upTo: 100)
                #expect(String(buffer: body) == form.body)
            }
            #expect(server.accepted == (form.reuses ? 1 : 3))
        }
    }

    @Test("A body without a length ends with its connection")
    func untilClose() async throws {
        try await RawServer.run { _, _ in
            .sendAndClose("HTTP/1.1 200 OK\r\n\r\nhello")
        } body: { server, connections in
            let body = try await connections.response(to: server.get, within: .seconds(10)).body.collect(upTo: 100)
            #expect(String(buffer: body) == "hello")
        }
    }

    @Test("The request has the headers that HTTP requires, and its body")
    func requestText() async throws {
        let seen = NIOLockedValueBox("")
        try await RawServer.run { text, _ in
            seen.withLockedValue { $0 = text }
            return .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        } body: { server, connections in
            let request = HTTPExchangeRequest(
                node: server.node, method: .POST, target: "/a?b=1", headers: ["X-Y": "z"],
                body: ByteBuffer(string: "hi"))
            _ = try await connections.response(to: request, within: .seconds(10)).body.collect(upTo: 0)
            let expected =
                "POST /a?b=1 HTTP/1.1\r\nX-Y: z\r\nHost: \(server.node.authority)\r\nContent-Length: 2\r\n\r\nhi"
            #expect(seen.withLockedValue(\.self) == expected)
            #expect(
                HTTPExchangeRequest(node: server.node, method: .POST, target: "/").head.headers["Content-Length"] == [
                    "0"
                ])
            #expect(HTTPExchangeRequest(node: server.node, target: "/").head.headers["Content-Length"].isEmpty)
        }
    }

    @Test(
        "A response cut at any byte is an error, never a shorter body",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        ])
    func cut(response: String) async throws {
        for length in 1..<response.utf8.count {
            let part = String(decoding: response.utf8.prefix(length), as: UTF8.self)
            try await RawServer.run { _, _ in
                .sendAndClose(part)
            } body: { server, connections in
                await #expect(throws: (any Error).self, "\(length) bytes") {
                    try await connections.response(to: server.get, within: .seconds(10)).body.collect(upTo: 100)
                }
            }
        }
    }

    @Test("A request over an idle connection that the node closes is repeated only if it may arrive twice")
    func staleConnection() async throws {
        // The second request of each connection is not answered: the node closes.
        let answer: RawServer.Answer = { _, number in
            number == 1 ? .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") : .close
        }
        try await RawServer.run(answer) { server, connections in
            for _ in 1...3 {
                let body = try await connections.response(to: server.get, within: .seconds(10)).body.collect(upTo: 2)
                #expect(String(buffer: body) == "ok")
            }
            #expect(server.accepted == 3)
            let post = HTTPExchangeRequest(node: server.node, method: .POST, target: "/")
            await #expect(throws: HTTPConnectionError.closed) {
                try await connections.response(to: post, within: .seconds(10))
            }
            #expect(server.accepted == 3)
        }
    }

    @Test("A node that does not answer is given up in time, and its connection is closed")
    func deadline() async throws {
        try await RawServer.run { _, _ in
            .send("HTTP/1.1 ")
        } body: { server, connections in
            await #expect(throws: HTTPConnectionError.timedOut) {
                try await connections.response(to: server.get, within: .milliseconds(200))
            }
            try await eventually("the connection is closed") { server.open == 0 ? true : nil }
        }
    }

    @Test("The time limit ends with the beginning of the response")
    func longBody() async throws {
        try await RawServer.run { _, _ in
            .sendLater("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", .milliseconds(2_500), "llo")
        } body: { server, connections in
            let response = try await connections.response(to: server.get, within: .seconds(2))
            #expect(String(buffer: try await response.body.collect(upTo: 5)) == "hello")
        }
    }

    @Test("A cancelled request closes its connection, before the response and within its body")
    func cancellation() async throws {
        for response in ["", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"] {
            try await RawServer.run { _, _ in
                .send(response)
            } body: { server, connections in
                let task = Task {
                    try await connections.response(to: server.get, within: .seconds(30)).body.collect(upTo: 5)
                }
                try await eventually("the request arrives") { server.requests == 1 ? true : nil }
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                try await eventually("the connection is closed") { server.open == 0 ? true : nil }
            }
        }
    }

    @Test("A body that is not read does not fill the memory, and its connection is closed when it is dropped")
    func backPressure() async throws {
        let megabytes = 64
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \(megabytes << 20)\r\n\r\n"
        try await RawServer.run { _, _ in
            .sendMany(head, String(repeating: "x", count: 1 << 20), megabytes)
        } body: {
            server, connections in
            var response: HTTPExchangeResponse? = try await connections.response(to: server.get, within: .seconds(10))
            // Most waits at the server: the watermark and the buffers of the sockets hold the rest.
            var before = -1
            while server.sentMegabytes != before {
                before = server.sentMegabytes
                try await Task.sleep(for: .milliseconds(300))
            }
            #expect(before < megabytes / 2)
            #expect(response != nil)
            response = nil
            try await eventually("the connection is closed") { server.open == 0 ? true : nil }
        }
        try await RawServer.run { _, _ in
            .sendMany(head, String(repeating: "x", count: 1 << 20), megabytes)
        } body: {
            server, connections in
            let response = try await connections.response(to: server.get, within: .seconds(10))
            #expect(try await response.body.collect(upTo: megabytes << 20).readableBytes == megabytes << 20)
            await #expect(throws: HTTPConnectionError.tooLong) {
                try await connections.response(to: server.get, within: .seconds(10)).body.collect(upTo: 1 << 20)
            }
        }
    }

    @Test("Concurrent requests have a connection each; a shutdown closes all")
    func shutdown() async throws {
        try await RawServer.run { _, _ in
            .send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        } body: {
            server, connections in
            let bodies = try await withThrowingTaskGroup(of: HTTPBody.self) { group in
                for _ in 1...20 {
                    group.addTask { try await connections.response(to: server.get, within: .seconds(10)).body }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(server.accepted == 20)
            await connections.shutdown()
            try await eventually("the connections are closed") { server.open == 0 ? true : nil }
            for body in bodies {
                await #expect(throws: HTTPConnectionError.closed) { try await body.collect(upTo: 5) }
            }
        }
    }

    @Test("What is not HTTP is an error")
    func notHTTP() async throws {
        try await RawServer.run { _, _ in
            .send("-ERR unknown command\r\n")
        } body: { server, connections in
            await #expect(throws: (any Error).self) {
                try await connections.response(to: server.get, within: .seconds(10))
            }
        }
    }
}
