import Foundation
import TestSupport

/// A self-signed certificate for `localhost`, created by openssl.
struct Certificate {
    let certificate: String
    let key: String

    static func make(in folder: String, name: String) async throws -> Certificate {
        let made = Certificate(certificate: "\(folder)/\(name).pem", key: "\(folder)/\(name).key")
        let openssl = try await Finished.running(
            .openssl,
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=\(name)", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", made.key, "-out",
                made.certificate,
            ])
        guard openssl.exit == .code(0) else { throw TestFailure(openssl.errors) }
        return made
    }

    /// Replaces other files by both, like a renewal.
    func copy(certificate: String, key: String) throws {
        for (from, to) in [(self.certificate, certificate), (self.key, key)] {
            try Data(contentsOf: URL(filePath: from)).write(to: URL(filePath: to), options: .atomic)
        }
    }
}
