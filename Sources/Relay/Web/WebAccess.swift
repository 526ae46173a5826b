package import HTTPGuard

/// Address of the relay's HTTP surface.
package struct WebConfiguration: Sendable {
    /// Where `/metrics` and the probes are served.
    package var host: String
    /// 0 chooses a free port.
    package var port: Int
    package var access: WebAccess

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
