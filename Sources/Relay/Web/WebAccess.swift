/// Who may use the relay's HTTP surface, and how it is protected on the way.
public struct WebAccess: Sendable {
    /// nil lets everybody in who reaches the address.
    public var token: WebToken?
    /// nil serves plain HTTP.
    public var certificate: WebCertificate?

    public init(token: WebToken? = nil, certificate: WebCertificate? = nil) {
        self.token = token
        self.certificate = certificate
    }

    func warning(listenHost host: String) -> String? {
        Self.warning(listenHost: host, hasToken: token != nil, hasCertificate: certificate != nil)
    }

    /// What deserves a warning about an address, in words; nil if nothing does.
    static func warning(listenHost host: String, hasToken: Bool, hasCertificate: Bool) -> String? {
        guard !isLoopback(host) else { return nil }
        if !hasToken {
            return "everybody who reaches this address can read the metrics; protect it by --web-token-file"
        }
        if !hasCertificate { return "the token crosses the network unencrypted; add --tls-cert and --tls-key" }
        return nil
    }

    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || (host.hasPrefix("127.") && host.split(separator: ".").count == 4)
    }
}
