import Capture
import FoundationEssentials
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOSSL
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The certificate and key of the relay's HTTP surface. Renewed files are used from the next connection on.
package final class WebCertificate: Sendable {
    private struct Loaded {
        var chain: [NIOSSLCertificateSource]
        var key: NIOSSLPrivateKeySource
        var changedAt: [Int64]
        /// Of the server's own certificate, in seconds since 1970.
        var validity: (from: Int, until: Int)
    }

    /// In seconds since 1970; a certificate may contain a date beyond the range of nanoseconds.
    private static let lastDate = 9_999_999_999

    private let certificatePath: String
    private let keyPath: String
    private let loaded: NIOLockedValueBox<Loaded>

    /// - Parameters:
    ///   - certificatePath: PEM, the server's certificate first, then its chain.
    ///   - keyPath: PEM, without a passphrase.
    /// - Throws: ``RelayError`` naming the file.
    package init(certificatePath: String, keyPath: String) throws {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        loaded = NIOLockedValueBox(try Self.load(certificatePath, keyPath))
        // Detects a key that does not match the certificate.
        do {
            _ = try NIOSSLContext(
                configuration: serverConfiguration(logger: Logger(label: "") { _ in SwiftLogNoOpLogHandler() }))
        } catch {
            throw RelayError.badCertificate(
                path: certificatePath,
                reason: "it does not match the key in '\(keyPath)'; name a matching pair")
        }
    }

    /// Why clients will reject it, although it can be served; nil if no reason is known.
    ///
    /// - Parameter now: seconds since 1970.
    package func warning(at now: Int = Int(SystemClock.realtime() / 1_000_000_000)) -> String? {
        let (from, until) = loaded.withLockedValue { $0.validity }
        let date = { (seconds: Int) in
            UTCTime.rfc3339(UInt64(min(max(0, seconds), Self.lastDate)) * 1_000_000_000).prefix(10)
        }
        if until < now {
            return "the certificate '\(certificatePath)' has expired (\(date(until))): clients refuse it; renew it"
        }
        return from > now
            ? "the certificate '\(certificatePath)' is not valid before \(date(from)): clients refuse it; check this machine's clock"
            : nil
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
            // Possibly half written: the old pair stays until both are complete.
            logger.error("the renewed certificate is not used", metadata: ["cause": "\(error)"])
        }
    }

    private static func load(_ certificatePath: String, _ keyPath: String) throws -> Loaded {
        let changedAt = [changeTime(certificatePath), changeTime(keyPath)]
        let certificate = PEMFile.objection(to: certificatePath, as: .certificate)
        if let certificate { throw RelayError.badCertificate(path: certificatePath, reason: certificate) }
        if let key = PEMFile.objection(to: keyPath, as: .key) {
            throw RelayError.badCertificate(path: keyPath, reason: key)
        }
        guard let chain = try? NIOSSLCertificate.fromPEMFile(certificatePath), let first = chain.first else {
            throw RelayError.badCertificate(
                path: certificatePath,
                reason: "its certificate is damaged; the server's own certificate must come first, then the chain")
        }
        do {
            let key = try NIOSSLPrivateKey(file: keyPath, format: .pem)
            return Loaded(
                chain: chain.map { .certificate($0) }, key: .privateKey(key), changedAt: changedAt,
                validity: (first.notValidBefore, first.notValidAfter))
        } catch {
            throw RelayError.badCertificate(
                path: keyPath, reason: "its key is damaged, or of a type that TLS does not support")
        }
    }

    /// Nanoseconds since 1970; 0 if the file does not exist.
    private static func changeTime(_ path: String) -> Int64 {
        var status = stat()
        guard stat(path, &status) == 0 else { return 0 }
        return Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }
}

/// Why a PEM file is unusable, as text without its contents.
enum PEMFile {
    enum Wanted {
        case certificate
        case key
    }

    /// - Returns: nil if it looks right.
    static func objection(to path: String, as wanted: Wanted) -> String? {
        if let objection = unreadable(path) { return objection }
        guard let content = try? Data(contentsOf: URL(filePath: path)) else { return "it cannot be read" }
        let text = String(decoding: content.prefix(1 << 20), as: UTF8.self)
        let hasCertificate = text.contains("-----BEGIN CERTIFICATE-----")
        let hasKey = text.contains("PRIVATE KEY-----")
        switch wanted {
        case .certificate where hasCertificate, .key where hasKey && !isEncrypted(text): return nil
        case .certificate where hasKey: return "it contains a key but no certificate; are the two files swapped?"
        case .certificate: return "it contains no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        case .key where hasKey:
            return
                "the key has a passphrase, which is not supported; remove it: openssl pkey -in KEY -out NEWKEY"
        case .key where hasCertificate: return "it contains a certificate but no key; are the two files swapped?"
        case .key: return "it contains no private key in PEM form (-----BEGIN PRIVATE KEY-----)"
        }
    }

    /// - Returns: nil if the file can be read.
    static func unreadable(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return errno == ENOENT ? "there is no such file" : SystemReason.text(errno)
        }
        if status.st_mode & S_IFMT == S_IFDIR { return SystemReason.text(EISDIR) }
        return access(path, R_OK) == 0 ? nil : "this user may not read it; grant read permission (chgrp, chmod g+r)"
    }

    private static func isEncrypted(_ text: String) -> Bool {
        text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
    }
}
