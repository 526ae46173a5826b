import NIOCore
import NIOPosix
public import Redis
import Subprocess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A redis-server of our own on a free port of this machine, without persistence, for as long as a closure runs.
public enum RedisServerProcess {
    /// - Throws: ``EndToEndError`` if redis-server is missing or does not come up; what `body` throws.
    public static func run<Result: Sendable>(
        _ body: @Sendable (RedisConfiguration) async throws -> Result
    ) async throws -> Result {
        let port = try freePort()
        let configuration = RedisConfiguration(host: "127.0.0.1", port: port)
        do {
            return try await Subprocess.run(
                .name("redis-server"),
                arguments: [
                    "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no",
                ],
                input: .none, output: .discarded, error: .discarded
            ) { execution in
                do {
                    try await waitUntilReady(configuration)
                    let result = try await body(configuration)
                    try? execution.send(signal: .terminate)
                    return result
                } catch {
                    try? execution.send(signal: .terminate)
                    throw error
                }
            }.closureResult
        } catch let error as SubprocessError where error.code == .executableNotFound {
            throw EndToEndError(
                "redis-server is not installed; it comes with the Debian package redis-server (apt-get install redis-server)"
            )
        }
    }

    /// A port that was free a moment ago.
    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw EndToEndError("no socket: errno \(errno)") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutableBytes(of: &address) { bytes -> Bool in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(descriptor, pointer, size) == 0 && getsockname(descriptor, pointer, &size) == 0
        }
        guard bound else { throw EndToEndError("no free port: errno \(errno)") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func waitUntilReady(_ configuration: RedisConfiguration) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            do {
                let client = try await RedisClient.connect(
                    to: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
                await client.close()
                return
            } catch {
                guard ContinuousClock.now < deadline else {
                    throw EndToEndError(
                        "redis-server did not answer on port \(configuration.port) within 10 s: \(error)")
                }
                // Nothing tells when another process listens: ask again shortly.
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
