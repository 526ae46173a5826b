/// How the connection is encrypted and whom it trusts. Files are read again at each connect, so that renewed
/// certificates are used without a restart.
public struct RedisTLS: Sendable, Equatable {
    public enum Version: Int, Sendable, Comparable {
        case tls10
        case tls11
        case tls12
        case tls13

        public static func < (left: Version, right: Version) -> Bool { left.rawValue < right.rawValue }
    }

    /// The name asked for (SNI) and looked for in the certificate; nil for the host that is connected to.
    public var serverName: String?
    /// PEM file of the authorities to trust; nil for those of the system.
    public var caFile: String?
    /// PEM file of our own certificate and those between it and its authority.
    public var certificateFile: String?
    /// PEM file of the key of `certificateFile`; nil if it stands in there too.
    public var keyFile: String?
    /// False accepts every certificate of every server.
    public var verifiesServer: Bool
    public var minimumVersion: Version

    public init(
        serverName: String? = nil, caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
        verifiesServer: Bool = true, minimumVersion: Version = .tls12
    ) {
        self.serverName = serverName
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.verifiesServer = verifiesServer
        self.minimumVersion = minimumVersion
    }
}
