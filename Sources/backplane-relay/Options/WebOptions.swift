import ArgumentParser
import Relay

/// The address of the relay's HTTP server, and who may use it.
struct WebOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Address of the live page, /metrics, /manual/, /-/healthy and /-/ready.", valueName: "host:port"))
    var listen = ListenAddress(host: "127.0.0.1", port: 9464)

    @Option(
        help: ArgumentHelp(
            "File with the bearer token that HTTP clients must send, except for /-/healthy and /manual/.",
            valueName: "file"))
    var webTokenFile: String?

    @Option(help: ArgumentHelp("PEM certificate for HTTPS; reloaded when it changes.", valueName: "file"))
    var tlsCert: String?

    @Option(help: ArgumentHelp("PEM key of --tls-cert, without a passphrase.", valueName: "file"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            """
            Host name to answer to, besides localhost, 127.0.0.1 and [::1], while --listen is a loopback address: the \
            name of a proxy in front, for instance. Repeat it for more.
            """, valueName: "name"))
    var allowHost: [String] = []

    func validate() throws {
        for host in allowHost where WebAccess.hostName(host) == nil || host.contains(":") && !host.hasPrefix("[") {
            throw ValidationError(
                "--allow-host: '\(host)' is not a host name; give it without scheme, port and path, such as relay.example"
            )
        }
        guard (tlsCert == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-cert and --tls-key: give both or neither")
        }
    }

    /// Problems that prevent the HTTP server from starting.
    func problems() -> [String] {
        var problems: [String] = []
        if let failure = ListenFailure.probe(host: listen.host, port: listen.port) {
            problems.append("--listen: \(failure.sentence(host: listen.host, port: listen.port))")
        }
        if let webTokenFile {
            do { _ = try WebToken(file: webTokenFile) } catch { problems.append(OptionNames.explained(error)) }
        }
        if let tlsCert, let tlsKey {
            do { _ = try WebCertificate(certificatePath: tlsCert, keyPath: tlsKey) } catch {
                problems.append(OptionNames.explained(error))
            }
        }
        return problems
    }

    /// Problems that do not prevent serving, but make clients reject the server.
    func warnings() -> [String] {
        guard let tlsCert, let tlsKey else { return [] }
        return [try? WebCertificate(certificatePath: tlsCert, keyPath: tlsKey)].compactMap { $0?.warning() }
            .map { "--tls-cert: \($0)" }
    }

    func access() throws -> WebAccess {
        var access = WebAccess(allowedHosts: allowHost.compactMap { WebAccess.hostName($0) })
        access.hostRemedy = "start it with --allow-host NAME"
        access.openPages = ManualRoutes.pages
        if let webTokenFile { access.token = try WebToken(file: webTokenFile) }
        if let tlsCert, let tlsKey {
            access.certificate = try WebCertificate(certificatePath: tlsCert, keyPath: tlsKey)
        }
        return access
    }
}
