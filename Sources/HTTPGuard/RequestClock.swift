import HTTPTypes
package import HummingbirdCore
package import NIOCore
package import NIOHTTPTypes

/// Closes connections that take too long for a request, keep sending a refused one, or do not read the response:
/// however slowly a client sends, it holds a connection for a limited time only.
package final class RequestClock: ChannelDuplexHandler, RemovableChannelHandler {
    /// Requests as the HTTP decoder delivers them.
    package typealias InboundIn = HTTPRequestPart
    /// The same, passed on unchanged.
    package typealias InboundOut = HTTPRequestPart
    /// Responses as the router writes them.
    package typealias OutboundIn = HTTPResponsePart
    /// The same, with `Connection: close` if the connection ends after it.
    package typealias OutboundOut = HTTPResponsePart

    /// Responses that are endless or large: each piece must be read in time, not the whole.
    private static let streamingTypes: Set<String> = ["text/event-stream", "application/octet-stream"]

    private let connection: (any Channel) throws -> HTTPConnection
    private var guarded: HTTPConnection?
    /// Properties of the requests without a complete response yet, in order.
    private var asked: [(noBody: Bool, close: Bool)] = []
    private var isStreaming = false
    private var isLast = false

    /// Guards the connection from its first byte on.
    package init(limits: HTTPLimits, gate: ConnectionGate) {
        connection = { channel in
            let connection = HTTPConnection(channel, limits: limits, gate: gate)
            try connection.guardPipeline()
            return connection
        }
    }

    /// - Parameter connection: already guarded.
    package init(_ connection: HTTPConnection) {
        self.connection = { _ in connection }
    }

    /// Starts to guard the connection; closes it if its pipeline cannot be guarded any more.
    package func handlerAdded(context: ChannelHandlerContext) {
        do {
            guarded = try connection(context.channel)
        } catch {
            context.close(promise: nil)
        }
    }

    /// Tells the connection where a request begins and ends.
    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            asked.append((head.method == .head, Self.closes(head)))
            guarded?.head()
        case .body: break
        case .end: guarded?.requestEnded()
        }
        context.fireChannelRead(data)
    }

    /// Tells the connection when pieces and ends of responses are written; a response to `HEAD` loses its body here.
    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            isStreaming = Self.streamingTypes.contains(head.headerFields[.contentType] ?? "")
            // An oversized request is not read to its end.
            isLast = head.status == .contentTooLarge
            // Also sent to a client that asked for it: one that reuses connections would send its next request into the
            // close.
            if isLast || asked.first?.close == true { head.headerFields[.connection] = "close" }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body where asked.first?.noBody == true:
            context.write(wrapOutboundOut(.body(ByteBuffer())), promise: promise)
        case .body where isStreaming:
            context.write(data, promise: whenWritten(promise, context) { $0.wrotePiece() })
        case .body:
            context.write(data, promise: promise)
        case .end:
            let isLast = isLast
            let written = whenWritten(promise, context) { $0.wroteAnswer(isLast: isLast) }
            // The response to HEAD has no body, whatever its length header says.
            let noBody = asked.isEmpty ? false : asked.removeFirst().noBody
            context.write(noBody ? wrapOutboundOut(.body(ByteBuffer())) : data, promise: written)
        }
    }

    private static func closes(_ head: HTTPRequest) -> Bool {
        guard let field = head.headerFields[.connection] else { return false }
        return field.split(separator: ",").contains { option in
            option.drop { $0 == " " || $0 == "\t" }.lowercased() == "close"
        }
    }

    private func whenWritten(
        _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext,
        _ body: @escaping @Sendable (HTTPConnection) -> Void
    ) -> EventLoopPromise<Void> {
        let written = promise ?? context.eventLoop.makePromise()
        guard let guarded else { return written }
        let bound = NIOLoopBound(guarded, eventLoop: context.eventLoop)
        written.futureResult.whenSuccess { body(bound.value) }
        return written
    }
}

extension HTTPServerBuilder {
    /// An HTTP/1.1 server that enforces the limits on its clients.
    package static func guarded(limits: HTTPLimits, gate: ConnectionGate) -> HTTPServerBuilder {
        .http1(
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [RequestClock(limits: limits, gate: gate)],
                httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                    maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes,
                    maxHeaderFieldCount: limits.headerFields)))
    }
}
