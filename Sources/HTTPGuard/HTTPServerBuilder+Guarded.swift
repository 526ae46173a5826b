package import HummingbirdCore

extension HTTPServerBuilder {
    /// HTTP/1.1 whose clients cannot take more than the limits.
    package static func guarded(limits: HTTPLimits, gate: ConnectionGate) -> HTTPServerBuilder {
        .http1(
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [RequestClock(limits: limits, gate: gate)],
                httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                    maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes,
                    maxHeaderFieldCount: limits.headerFields)))
    }
}
