import Cryptography
import FoundationEssentials
package import HTTPGuard
import NIOConcurrencyHelpers

/// Address of the relay's HTTP surface.
package struct WebConfiguration: Sendable {
    /// Where `/metrics` and the probes are served.
    package var host: String
    /// 0 chooses a free port.
    package var port: Int
    /// Who may read it, and whether over TLS.
    package var access: WebAccess

    /// - Parameters:
    ///   - host: a name or numeric address of this machine.
    ///   - port: 0 chooses a free port.
    ///   - access: open to anyone, over plain HTTP, by default.
    package init(host: String = "127.0.0.1", port: Int = 9464, access: WebAccess = WebAccess()) {
        self.host = host
        self.port = port
        self.access = access
    }
}

/// Access control and protection of the relay's HTTP surface.
package struct WebAccess: Sendable {
    /// nil for open access.
    package var token: WebToken?
    /// nil serves plain HTTP.
    package var certificate: WebCertificate?
    /// Accepted host names besides those of the loopback, if it listens there; see ``hostName(_:)``.
    package var allowedHosts: [String]
    /// The remedy shown for other host names, known to the program that starts the relay.
    package var hostRemedy = "add it to the names that the relay answers to"
    /// Pages open to anyone.
    package var openPages = OpenPages.none

    /// - Parameters:
    ///   - token: nil for open access.
    ///   - certificate: nil for plain HTTP.
    ///   - allowedHosts: in the form of ``hostName(_:)``.
    package init(token: WebToken? = nil, certificate: WebCertificate? = nil, allowedHosts: [String] = []) {
        self.token = token
        self.certificate = certificate
        self.allowedHosts = allowedHosts
    }

    /// Normalized for comparison with requests.
    ///
    /// - Returns: nil if it is not a host name.
    package static func hostName(_ text: String) -> String? { HostPolicy.name(of: text) }

    func warning(listenHost host: String) -> String? {
        Self.warning(listenHost: host, hasToken: token != nil, hasCertificate: certificate != nil)
    }

    /// The warning about an address, as a sentence; nil if there is none.
    static func warning(listenHost host: String, hasToken: Bool, hasCertificate: Bool) -> String? {
        guard !HostPolicy.isLoopback(host) else { return nil }
        if !hasToken {
            return "anyone who can reach this address can read the metrics; protect it with a web token"
        }
        if !hasCertificate { return "the token crosses the network unencrypted; give a certificate and its key" }
        return nil
    }
}

/// The bearer token required from HTTP clients of the relay, read from a file.
package final class WebToken: Sendable {
    /// Shorter ones can be guessed.
    static let minimumBytes = 16

    private let path: String
    /// Only its hash is kept.
    private let digest: NIOLockedValueBox<Digest>

    /// - Throws: ``RelayError`` if the file cannot be read or its content is too short.
    package init(file path: String) throws {
        self.path = path
        digest = NIOLockedValueBox(try Self.digest(ofFile: path))
    }

    /// Reloads the file; after a failure the old token stays valid.
    ///
    /// - Throws: ``RelayError``.
    func reload() throws {
        let new = try Self.digest(ofFile: path)
        digest.withLockedValue { $0 = new }
    }

    /// Changes with the token, and reveals nothing about it.
    var fingerprint: Digest { digest.withLockedValue { $0 } }

    /// Constant time: compares digests.
    func matches(_ candidate: [UInt8]) -> Bool {
        digest.withLockedValue { $0 } == SHA256.hash(candidate)
    }

    private static func digest(ofFile path: String) throws -> Digest {
        let content: Data
        do {
            content = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw RelayError.badWebToken(
                path: path, reason: "cannot be read: \(PEMFile.unreadable(path) ?? "the disk fails")")
        }
        let blanks = Set(" \t\r\n".utf8)
        guard let first = content.firstIndex(where: { !blanks.contains($0) }),
            let last = content.lastIndex(where: { !blanks.contains($0) }), last - first + 1 >= minimumBytes
        else {
            throw RelayError.badWebToken(path: path, reason: "holds fewer than \(minimumBytes) characters")
        }
        return SHA256.hash(Array(content[first...last]))
    }
}
