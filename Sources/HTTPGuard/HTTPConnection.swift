import HTTPTypes
package import NIOCore
import NIOHTTP1

/// One connection of a server: performs the decisions of ``Exchange``. Use on its event loop only.
package final class HTTPConnection {
    let limits: HTTPLimits
    private let gate: ConnectionGate
    private unowned let channel: any Channel
    private var exchange: Exchange
    private var id: UInt64?
    private var deadline: NIODeadline?
    /// Deadline of the current timer; an older timer that still fires is ignored.
    private var timerDue: NIODeadline?
    private var end: () -> Void = {}

    /// - Parameter channel: not yet active; this is called on its event loop.
    package init(_ channel: any Channel, limits: HTTPLimits, gate: ConnectionGate) {
        self.channel = channel
        self.limits = limits
        self.gate = gate
        exchange = Exchange(headerBytes: 2 * limits.headerBytes, unreadBytes: limits.unreadBytes)
    }

    /// Adds its guards to the pipeline, around the existing HTTP handlers.
    ///
    /// - Throws: if the channel is already closed.
    package func guardPipeline() throws {
        try channel.pipeline.syncOperations.addHandler(ConnectionFront(self), position: .first)
        try channel.pipeline.syncOperations.addHandler(ParseErrorHandler(self), position: .last)
    }

    // MARK: - Lifecycle

    /// - Parameter end: closes the connection immediately, bypassing TLS and pending writes.
    func entered(end: @escaping () -> Void) {
        self.end = end
        let loopBound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let eventLoop = channel.eventLoop
        id = gate.enter(at: .now()) { eventLoop.execute { loopBound.value.end() } }
        guard id != nil else { return end() }
        perform(.allow(.header))
    }

    func left() {
        deadline = nil
        end = {}
        if let id { gate.leave(id) }
        id = nil
    }

    func stops() { perform(exchange.stop()) }

    /// A handshake of another protocol succeeded; its handlers take over.
    package func upgraded() {
        exchange.upgrade()
        deadline = nil
        report()
    }

    // MARK: - Incoming

    var isDeaf: Bool { exchange.isDeaf }

    /// - Parameter handOn: passes the bytes to the next handler.
    func received(_ bytes: Int, handOn: () -> Void) {
        let before = exchange
        if !exchange.isDeaf { handOn() }
        let step = exchange.received(bytes, before: before)
        if step == .refuse { refuse(for: HTTPParserError.headerOverflow) } else { perform(step) }
    }

    func head() {
        perform(exchange.head())
        report()
    }

    func requestEnded() {
        perform(exchange.end())
        report()
    }

    // MARK: - Outgoing

    func wrotePiece() {
        perform(exchange.wrotePiece())
        report()
    }

    func wroteAnswer(isLast: Bool) {
        perform(exchange.wroteAnswer())
        report()
        if isLast { sayGoodbye() }
    }

    /// Responds to an invalid or oversized request, unless a response is in progress.
    ///
    /// - Returns: false if one is in progress.
    @discardableResult
    func refuse(for error: any Error) -> Bool {
        guard !exchange.isAnswering, !exchange.isDeaf,
            let encoder = try? channel.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
        else { return exchange.isDeaf }
        gate.count(.malformed)
        let isTooLarge = error as? HTTPParserError == .headerOverflow
        let status =
            isTooLarge ? "HTTP/1.1 431 Request Header Fields Too Large" : "HTTP/1.1 400 Bad Request"
        let text =
            isTooLarge
            ? "The header of this request is larger than \(limits.headerBytes) bytes.\n"
            : "This is not an HTTP/1.1 request.\n"
        // Bypasses the encoder, which may not have seen a request yet.
        encoder.writeAndFlush(
            NIOAny(
                IOData.byteBuffer(
                    ByteBuffer(
                        string:
                            "\(status)\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
                    ))), promise: nil)
        sayGoodbye()
        return true
    }

    /// Closes its side first and the connection a moment later: a client that is still sending would otherwise lose the
    /// response.
    private func sayGoodbye() {
        perform(exchange.refuse())
        channel.close(mode: .output, promise: nil)
    }

    // MARK: - Time

    private func perform(_ step: Exchange.Step) {
        switch step {
        case .goOn, .refuse: break
        case .close: end()
        case .allow(let span):
            guard let length = length(of: span) else { return deadline = nil }
            start(channel.eventLoop.now + length)
        }
    }

    private func length(of span: Exchange.Span) -> TimeAmount? {
        switch span {
        case .header: limits.header
        case .body: limits.body
        case .response: limits.response
        case .idle: limits.idle
        case .farewell: limits.farewell
        case .linger: limits.linger
        }
    }

    /// Timers are not cancelled, because that costs more with many connections: one that fires too early is
    /// rescheduled.
    private func start(_ deadline: NIODeadline) {
        self.deadline = deadline
        if let timerDue, timerDue <= deadline { return }
        timerDue = deadline
        let loopBound = NIOLoopBound(WeakConnection(self), eventLoop: channel.eventLoop)
        channel.eventLoop.scheduleTask(deadline: deadline) {
            loopBound.value.connection?.fired(deadline)
        }
    }

    private func fired(_ due: NIODeadline) {
        guard timerDue == due else { return }
        timerDue = nil
        guard let deadline else { return }
        guard channel.eventLoop.now >= deadline else { return start(deadline) }
        if !exchange.isDeaf { gate.count(.slow) }
        end()
    }

    private func report() {
        guard let id else { return }
        gate.step(id, to: exchange.isAnswering ? .answering : .waiting, at: .now())
    }
}

private struct WeakConnection {
    weak var connection: HTTPConnection?

    init(_ connection: HTTPConnection) {
        self.connection = connection
    }
}

/// The first handler of a connection: counts bytes, and closes the connection bypassing all other handlers.
final class ConnectionFront: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: HTTPConnection

    init(_ connection: HTTPConnection) {
        self.connection = connection
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        connection.entered { context.value.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.left()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { connection.left() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.received(unwrapInboundIn(data).readableBytes) { context.fireChannelRead(data) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if event is ChannelShouldQuiesceEvent {
            connection.stops()
        } else if event as? ChannelEvent == .inputClosed, connection.isDeaf {
            // The client has read the reason.
            context.close(promise: nil)
        }
    }
}

/// Responds to bytes that the request decoder rejects.
final class ParseErrorHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let connection: HTTPConnection

    init(_ connection: HTTPConnection) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.fireChannelRead(data) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError, connection.refuse(for: error) { return }
        context.fireErrorCaught(error)
    }
}
