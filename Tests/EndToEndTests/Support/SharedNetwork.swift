import NIOSSL

@testable import SignalRClient

/// A network for the duration of a closure.
enum SharedNetwork {
    static func run<Value>(
        tls: TLSConfiguration = .makeClientConfiguration(), _ body: (SignalRNetwork) async throws -> Value
    ) async throws -> Value {
        let network = SignalRNetwork(tls: tls)
        do {
            let value = try await body(network)
            await network.shutdown()
            return value
        } catch {
            await network.shutdown()
            throw error
        }
    }
}
