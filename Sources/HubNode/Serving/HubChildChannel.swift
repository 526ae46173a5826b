import HTTPGuard
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A TCP connection of the node: HTTP requests, until one of them upgrades it to a webSocket.
struct HubChildChannel: HTTPChannelHandler {
    /// The outcome of the connection.
    enum Outcome: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case webSocket
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let negotiated: EventLoopFuture<Outcome>
    }

    let responder: HTTPChannelHandler.Responder
    let upgrader: WebSocketUpgrader
    let limits: HTTPLimits
    let gate: ConnectionGate
    /// A peer that acknowledges no data for this long is dead.
    let userTimeout: TimeAmount

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            // A client that closes its side is gone: a stream must not wait for the next write to notice.
            try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
            try channel.syncOptions?.setOption(
                .tcpOption(NIOBSDSocket.Option(rawValue: CInt(TCP_USER_TIMEOUT))),
                value: SocketOptionValue(userTimeout.nanoseconds / 1_000_000))
            let connection = NIOLoopBound(
                HTTPConnection(channel, limits: limits, gate: gate), eventLoop: channel.eventLoop)
            let configuration = NIOTypedHTTPServerUpgradeConfiguration<Outcome>(
                upgraders: [upgrader.typedUpgrader { connection.value.upgraded() }],
                notUpgradingCompletionHandler: { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers([
                            HTTP1ToHTTPServerCodec(secure: false),
                            RequestClock(connection.value),
                            // Before the next handler, which does not forward the end of the connection.
                            ConnectionWatch(),
                            HTTPConnectionStateHandler(logger: logger),
                        ])
                        return .http(
                            try NIOAsyncChannel(
                                wrappingChannelSynchronously: channel,
                                configuration: .init(isOutboundHalfClosureEnabled: true)))
                    }
                })
            var pipeline = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: configuration)
            // Hummingbird handles pipelining and errors itself.
            pipeline.enablePipelining = false
            pipeline.enableErrorHandling = false
            pipeline.enableResponseHeaderValidation = false
            pipeline.decoderConfiguration.maxHeaderFieldSize = limits.headerBytes
            pipeline.decoderConfiguration.maxHeaderListSize = limits.headerBytes
            pipeline.decoderConfiguration.maxHeaderFieldCount = limits.headerFields
            let negotiated = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                configuration: pipeline)
            let sync = channel.pipeline.syncOperations
            try sync.addHandler(
                UpgradeFilter(isAdmitted: upgrader.isAdmitted),
                position: .before(sync.handler(type: NIOTypedHTTPServerUpgradeHandler<Outcome>.self)))
            try connection.value.guardPipeline()
            return Value(channel: channel, negotiated: negotiated)
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.negotiated.get() {
            case .http(let channel): await handleHTTP(asyncChannel: channel, logger: logger)
            // It continues in its handlers, without a task: ending a task of a group costs more the more tasks there
            // are, and there may be thousands of webSockets.
            case .webSocket: break
            }
        } catch {
            // The connection ended before its first request, or the data was not HTTP.
            value.channel.close(promise: nil)
        }
    }
}

/// Removes the upgrade headers of a request that is refused as a webSocket, so that it is answered over HTTP: if an
/// upgrader refuses, NIO closes the connection without a response.
final class UpgradeFilter: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let isAdmitted: (HTTPRequestHead) -> Bool
    /// Only the first request of a connection can upgrade it.
    private var hasDecided = false

    init(isAdmitted: @escaping (HTTPRequestHead) -> Bool) {
        self.isAdmitted = isAdmitted
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // After an upgrade the data is not HTTP any more.
        guard !hasDecided, case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        hasDecided = true
        guard head.headers.contains(name: "Upgrade"), !isAdmitted(head) else { return context.fireChannelRead(data) }
        head.headers.remove(name: "Upgrade")
        let options = head.headers[canonicalForm: "Connection"].filter { $0.lowercased() != "upgrade" }
        head.headers.replaceOrAdd(name: "Connection", value: options.joined(separator: ", "))
        if options.isEmpty { head.headers.remove(name: "Connection") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}
