import NIOCore
import NIOHTTP1

/// A request to a node.
struct HTTPExchangeRequest: Sendable {
    let node: NodeURL
    var method: HTTPMethod = .GET
    /// Path and query.
    let target: String
    var headers: HTTPHeaders = [:]
    var body: ByteBuffer?

    /// With the headers that HTTP requires.
    var head: HTTPRequestHead {
        var headers = headers
        headers.replaceOrAdd(name: "Host", value: node.authority)
        if let body {
            headers.replaceOrAdd(name: "Content-Length", value: "\(body.readableBytes)")
        } else if method == .POST {
            headers.replaceOrAdd(name: "Content-Length", value: "0")
        }
        return HTTPRequestHead(version: .http1_1, method: method, uri: target, headers: headers)
    }

    /// Whether the node may get it twice: RFC 9110, 9.2.2.
    var isIdempotent: Bool { method != .POST }
}

/// The beginning of a response; the body follows.
struct HTTPExchangeResponse: Sendable {
    let status: HTTPResponseStatus
    let body: HTTPBody
}

/// The parts of a response's body as they arrive. Can be read once. If reading stops early, the connection is closed.
struct HTTPBody: AsyncSequence, Sendable {
    typealias Producer = NIOThrowingAsyncSequenceProducer<
        ByteBuffer, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, Reader
    >

    /// Parts of at most one read from the socket each.
    static let watermarks = NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark(
        lowWatermark: 4, highWatermark: 16)

    let parts: Producer

    func makeAsyncIterator() -> Producer.AsyncIterator { parts.makeAsyncIterator() }

    /// - Throws: ``HTTPConnectionError``; `CancellationError`; errors of TLS, of the socket, and of the HTTP parser.
    func collect(upTo limit: Int) async throws -> ByteBuffer {
        var whole = ByteBuffer()
        do {
            for try await var part in parts {
                guard whole.readableBytes + part.readableBytes <= limit else { throw HTTPConnectionError.tooLong }
                if whole.readableBytes == 0 { whole = part } else { whole.writeBuffer(&part) }
            }
        } catch {
            // The cancellation also closes the connection, which may be noticed first.
            try Task.checkCancellation()
            throw error
        }
        // A cancelled reader sees the same end as that of a whole body.
        try Task.checkCancellation()
        return whole
    }

    /// Connects the consumer of a body with the connection that it comes from.
    struct Reader: NIOAsyncSequenceProducerDelegate {
        let channel: any Channel
        let handler: NIOLoopBound<HTTPConnectionHandler>
        /// Number of this response on its connection, which may already carry the next one when the consumer calls.
        let number: Int

        func produceMore() {
            channel.eventLoop.execute { handler.value.resume(number) }
        }

        func didTerminate() {
            channel.eventLoop.execute { handler.value.abandon(number, channel) }
        }
    }
}
