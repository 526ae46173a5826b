package import HummingbirdCore

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
