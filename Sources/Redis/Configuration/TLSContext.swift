import NIOSSL
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension RedisTLS {
    /// Reads the files and creates the TLS context.
    ///
    /// - Throws: ``RedisError/tlsFile(path:reason:)`` naming the file.
    func context() throws(RedisError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion =
            switch minimumVersion {
            case .tls10: .tlsv1
            case .tls11: .tlsv11
            case .tls12: .tlsv12
            case .tls13: .tlsv13
            }
        configuration.certificateVerification = verifiesServer ? .fullVerification : .none
        if let caFile {
            configuration.trustRoots = .certificates(try Self.certificates(in: caFile))
        }
        if let certificateFile {
            configuration.certificateChain = try Self.certificates(in: certificateFile).map { .certificate($0) }
            configuration.privateKey = .privateKey(try Self.key(in: keyFile ?? certificateFile))
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            // The remaining case after the checks above: a key of another certificate.
            guard let certificateFile else {
                throw .tlsFile(path: caFile ?? "the system's authorities", reason: "it contains no usable certificate")
            }
            throw .tlsFile(
                path: keyFile ?? certificateFile,
                reason: "it is not the key of the certificate in '\(certificateFile)'")
        }
    }

    private static func certificates(in path: String) throws(RedisError) -> [NIOSSLCertificate] {
        try requireReadable(path)
        do {
            let certificates = try NIOSSLCertificate.fromPEMFile(path)
            if !certificates.isEmpty { return certificates }
        } catch {}
        throw .tlsFile(path: path, reason: "it contains no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
    }

    private static func key(in path: String) throws(RedisError) -> NIOSSLPrivateKey {
        try requireReadable(path)
        do {
            return try NIOSSLPrivateKey(file: path, format: .pem)
        } catch {
            throw .tlsFile(path: path, reason: "it contains no private key in PEM form, or one with a passphrase")
        }
    }

    private static func requireReadable(_ path: String) throws(RedisError) {
        guard access(path, R_OK) == 0 else {
            throw .tlsFile(path: path, reason: Errno(rawValue: errno).description)
        }
    }
}
