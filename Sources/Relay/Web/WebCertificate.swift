import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The certificate and key of the relay's HTTP surface. Renewed files are taken at the next connection.
package final class WebCertificate: Sendable {
    private struct Loaded {
        var chain: [NIOSSLCertificateSource]
        var key: NIOSSLPrivateKeySource
        var changedAt: [Int64]
    }

    private let certificatePath: String
    private let keyPath: String
    private let loaded: NIOLockedValueBox<Loaded>

    /// - Parameters:
    ///   - certificatePath: PEM, the server's certificate first, then those between it and the root.
    ///   - keyPath: PEM, without a passphrase.
    /// - Throws: ``RelayError`` naming the file at fault.
    package init(certificatePath: String, keyPath: String) throws {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        loaded = NIOLockedValueBox(try Self.load(certificatePath, keyPath))
        // Tells of a key that does not belong to the certificate.
        do {
            _ = try NIOSSLContext(
                configuration: serverConfiguration(logger: Logger(label: "") { _ in SwiftLogNoOpLogHandler() }))
        } catch {
            throw RelayError.badCertificate(path: certificatePath, reason: "does not belong to the key '\(keyPath)'")
        }
    }

    func serverConfiguration(logger: Logger) -> TLSConfiguration {
        let now = loaded.withLockedValue { $0 }
        var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: now.chain, privateKey: now.key)
        configuration.minimumTLSVersion = .tlsv12
        configuration.sslContextCallback = { [self] _, promise in
            reloadIfChanged(logger: logger)
            let now = loaded.withLockedValue { $0 }
            var override = NIOSSLContextConfigurationOverride()
            override.certificateChain = now.chain
            override.privateKey = now.key
            promise.succeed(override)
        }
        return configuration
    }

    private func reloadIfChanged(logger: Logger) {
        let changedAt = [Self.changeTime(certificatePath), Self.changeTime(keyPath)]
        guard loaded.withLockedValue({ $0.changedAt }) != changedAt else { return }
        do {
            let new = try Self.load(certificatePath, keyPath)
            loaded.withLockedValue { $0 = new }
            logger.notice("the certificate of the HTTP surface was renewed")
        } catch {
            // Half written, perhaps: the old pair stays until both are whole.
            logger.error("the renewed certificate is not used", metadata: ["cause": "\(error)"])
        }
    }

    private static func load(_ certificatePath: String, _ keyPath: String) throws -> Loaded {
        let changedAt = [changeTime(certificatePath), changeTime(keyPath)]
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificatePath)
        } catch {
            throw RelayError.badCertificate(path: certificatePath, reason: "is not there or is no PEM certificate")
        }
        guard !chain.isEmpty else {
            throw RelayError.badCertificate(path: certificatePath, reason: "holds no certificate")
        }
        do {
            let key = try NIOSSLPrivateKey(file: keyPath, format: .pem)
            return Loaded(chain: chain.map { .certificate($0) }, key: .privateKey(key), changedAt: changedAt)
        } catch {
            throw RelayError.badCertificate(
                path: keyPath, reason: "is not there or is no PEM key without a passphrase")
        }
    }

    /// Nanoseconds since 1970; 0 if the file is not there.
    private static func changeTime(_ path: String) -> Int64 {
        var status = stat()
        guard stat(path, &status) == 0 else { return 0 }
        return Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }
}
