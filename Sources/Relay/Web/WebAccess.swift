package import HTTPGuard

/// Where the relay's HTTP surface is.
package struct WebConfiguration: Sendable {
    /// Where `/metrics` and the probes are served.
    package var host: String
    /// 0 takes a free one.
    package var port: Int
    package var access: WebAccess

    package init(host: String = "127.0.0.1", port: Int = 9464, access: WebAccess = WebAccess()) {
        self.host = host
        self.port = port
        self.access = access
    }
}

/// Who may use the relay's HTTP surface, and how it is protected on the way.
package struct WebAccess: Sendable {
    /// nil lets everybody in who reaches the address.
    package var token: WebToken?
    /// nil serves plain HTTP.
    package var certificate: WebCertificate?
    /// Names under which it is asked besides those of the loopback, where it listens on that; see ``hostName(_:)``.
    package var allowedHosts: [String]
    /// What whoever asked under another name is told to do if it is a right one; whoever starts the relay knows how.
    package var hostRemedy = "add it to the names that the relay answers to"
    /// What everybody sees, without a token.
    package var openPages = OpenPages.none

    package init(token: WebToken? = nil, certificate: WebCertificate? = nil, allowedHosts: [String] = []) {
        self.token = token
        self.certificate = certificate
        self.allowedHosts = allowedHosts
    }

    /// As it is compared with what clients send.
    ///
    /// - Returns: nil if it is no name of a host.
    package static func hostName(_ text: String) -> String? { HostPolicy.name(of: text) }

    func warning(listenHost host: String) -> String? {
        Self.warning(listenHost: host, hasToken: token != nil, hasCertificate: certificate != nil)
    }

    /// What deserves a warning about an address, in words; nil if nothing does.
    static func warning(listenHost host: String, hasToken: Bool, hasCertificate: Bool) -> String? {
        guard !HostPolicy.isLoopback(host) else { return nil }
        if !hasToken {
            return "anyone who can reach this address can read the metrics; protect it with a web token"
        }
        if !hasCertificate { return "the token crosses the network unencrypted; give a certificate and its key" }
        return nil
    }
}
