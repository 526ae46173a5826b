import Foundation
import NIOSSL
import TestSupport
import Testing

@testable import SignalRClient

/// TLS failures at a real TLS server: errors describe the problem with the certificate, and the remedy.
@Suite(.needs(.openssl)) struct ClientTLSTests {
    private static func reason(
        _ certificates: Certificates, _ name: String, trusted: Bool
    ) async throws -> String {
        let port = try FreePort.find()
        let server = try await ChildProcess.start(
            Tool.openssl.requiredPath(),
            [
                "s_server", "-accept", "127.0.0.1:\(port)", "-www", "-cert", certificates.path(name + ".crt"), "-key",
                certificates.path(name + ".key"),
            ], folder: certificates.folder)
        do {
            try await eventually("it accepts") { server.output.contains("ACCEPT") ? true : nil }
            var tls = TLSConfiguration.makeClientConfiguration()
            if trusted { tls.trustRoots = .file(certificates.path("ca.crt")) }
            let error = try await SharedNetwork.run(tls: tls) { network in
                let client = SignalRClient(
                    configuration: SignalRClientConfiguration(
                        node: try NodeURL("https://localhost:\(port)/signalr"), hubs: ["chatHub"]), network: network)
                return await #expect(throws: SignalRClientError.self) { try await client.start() }
            }
            await server.terminate()
            return error?.description ?? ""
        } catch {
            await server.terminate()
            throw error
        }
    }

    @Test func `errors describe the problem with a certificate`() async throws {
        try await Certificates.with { certificates in
            try certificates.make("good")
            try certificates.make("elsewhere", for: "DNS:other.example")
            try certificates.make("old", lifetime: .expired)
            for (name, trusted, words) in [
                ("good", false, "its certificate is not signed by an authority that this machine trusts;"),
                (
                    "elsewhere", true,
                    "its certificate is not for 'localhost'; use the name in the certificate"
                ),
                ("old", true, "the server's certificate has expired (2020-01-06);"),
            ] {
                let reason = try await Self.reason(certificates, name, trusted: trusted)
                #expect(reason.contains(words), "\(name): \(reason)")
                #expect(!reason.contains("SSL") && !reason.contains("NIO"), "\(reason)")
            }
        }
    }
}
