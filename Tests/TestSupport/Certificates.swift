import Foundation

/// A directory with certificates of a separate authority, created by openssl for one test.
package struct Certificates {
    package enum Lifetime {
        case valid
        case expired
    }

    package let folder: String

    /// Creates an authority, runs `body` and removes everything.
    package static func with<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: (Certificates) async throws -> Value
    ) async throws -> Value {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("certificates-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let certificates = Certificates(folder: folder)
        try certificates.makeAuthority("ca")
        return try await body(certificates)
    }

    package func path(_ file: String) -> String { "\(folder)/\(file)" }

    /// `<name>.crt` and `<name>.key`.
    package func makeAuthority(_ name: String) throws {
        try openssl(
            ["req", "-x509"] + Self.newKey(path("\(name).key")) + [
                "-out", path("\(name).crt"), "-days", "10", "-subj", "/CN=\(name)",
            ])
    }

    /// `<name>.crt` and `<name>.key`, signed by an authority.
    ///
    /// - Parameter names: in openssl's format, `DNS:localhost,IP:127.0.0.1`.
    package func make(
        _ name: String, for names: String = "DNS:localhost,IP:127.0.0.1", by authority: String = "ca",
        lifetime: Lifetime = .valid
    ) throws {
        try openssl(
            ["req", "-new"] + Self.newKey(path("\(name).key")) + ["-out", path("\(name).csr"), "-subj", "/CN=\(name)"])
        try "subjectAltName=\(names)".write(toFile: path("\(name).ext"), atomically: true, encoding: .utf8)
        // `openssl x509` cannot sign for past dates; `openssl ca` can, with a database of its certificates.
        let register = path("register-\(UUID())")
        try "".write(toFile: register, atomically: true, encoding: .utf8)
        let settings = """
            [ca]
            default_ca = own
            [own]
            database = \(register)
            new_certs_dir = \(folder)
            rand_serial = yes
            default_md = sha256
            policy = any
            [any]
            commonName = supplied
            """
        try settings.write(toFile: path("ca.cnf"), atomically: true, encoding: .utf8)
        let span =
            lifetime == .valid
            ? ["-days", "5"] : ["-startdate", "20200101000000Z", "-enddate", "20200106000000Z"]
        try openssl(
            [
                "ca", "-batch", "-notext", "-config", path("ca.cnf"), "-cert", path("\(authority).crt"), "-keyfile",
                path("\(authority).key"), "-in", path("\(name).csr"), "-out", path("\(name).crt"), "-extfile",
                path("\(name).ext"),
            ] + span)
    }

    /// Arguments for redis-server.
    package func serverArguments(_ name: String, port: Int, demandsClientCertificate: Bool = false) -> [String] {
        [
            "--tls-port", "\(port)", "--tls-cert-file", path("\(name).crt"), "--tls-key-file", path("\(name).key"),
            "--tls-ca-cert-file", path("ca.crt"), "--tls-auth-clients", demandsClientCertificate ? "yes" : "no",
        ]
    }

    private static func newKey(_ file: String) -> [String] {
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file]
    }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw TestFailure("openssl \(arguments.joined(separator: " ")) failed")
        }
    }
}
