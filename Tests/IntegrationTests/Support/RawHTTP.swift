import NIOCore
import NIOHTTP1
import NIOPosix
import TestSupport

/// An HTTP/1.1 response as received, read for as long as a test wants.
final class RawHTTP {
    let status: Int
    /// In the order and spelling received.
    let headers: [(name: String, value: String)]
    private var parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator
    private var isComplete = false
    /// Received bytes of the body that were not consumed yet.
    private var pending = ""

    private init(
        status: Int, headers: [(String, String)],
        parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator
    ) {
        self.status = status
        self.headers = headers.map { (name: $0.0, value: $0.1) }
        self.parts = parts
    }

    /// Sends one request and runs `body` with the response, then closes the connection.
    static func with<Value: Sendable>(
        port: Int, _ method: String, _ target: String, headers: [(String, String)] = [], form: String? = nil,
        contentType: String = "application/x-www-form-urlencoded", isolation: isolated (any Actor)? = #isolation,
        _ body: (RawHTTP) async throws -> Value
    ) async throws -> Value {
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel)
                }
            }
        return try await connection.executeThenClose { inbound, outbound in
            var fields = HTTPHeaders([("Host", "127.0.0.1")] + headers)
            if let form {
                fields.add(name: "Content-Type", value: contentType)
                fields.add(name: "Content-Length", value: "\(form.utf8.count)")
            } else if method == "POST" {
                fields.add(name: "Content-Length", value: "0")
            }
            try await outbound.write(
                .head(HTTPRequestHead(version: .http1_1, method: .init(rawValue: method), uri: target, headers: fields))
            )
            if let form { try await outbound.write(.body(.byteBuffer(ByteBuffer(string: form)))) }
            try await outbound.write(.end(nil))
            var parts = inbound.makeAsyncIterator()
            guard case .head(let head) = try await parts.next() else {
                throw TestFailure("no HTTP response to \(method) \(target)")
            }
            return try await body(
                RawHTTP(status: Int(head.status.code), headers: head.headers.map { ($0.name, $0.value) }, parts: parts))
        }
    }

    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// The rest of the body.
    func rest() async throws -> String {
        while try await more() {}
        defer { pending = "" }
        return pending
    }

    /// Consumes everything up to and including a text.
    func take(through end: String) async throws -> String {
        while true {
            if let range = pending.firstRange(of: end) {
                let taken = String(pending[..<range.upperBound])
                pending.removeSubrange(..<range.upperBound)
                return taken
            }
            guard try await more() else { throw TestFailure("the response ended before '\(end)': '\(pending)'") }
        }
    }

    private func more() async throws -> Bool {
        guard !isComplete else { return false }
        switch try await parts.next() {
        case .body(let bytes):
            pending += String(buffer: bytes)
            return true
        case .head, .end, nil:
            isComplete = true
            return false
        }
    }
}
