import Foundation
import Testing

@testable import Relay

@Suite struct WebTokenTests {
    private func withFile(_ content: String, _ body: (String) throws -> Void) throws {
        let path = "/tmp/backplane-relay-token-\(UUID().uuidString)"
        try Data(content.utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test func ignoresWhiteSpaceInTheFile() throws {
        try withFile("  0123456789abcdef\r\n") { path in
            let token = try WebToken(file: path)
            #expect(token.matches(Array("0123456789abcdef".utf8)))
            for wrong in ["", "0123456789abcde", "0123456789abcdeff", "0123456789ABCDEF", " 0123456789abcdef"] {
                #expect(!token.matches(Array(wrong.utf8)), "'\(wrong)'")
            }
        }
    }

    @Test func acceptsTheNewToken() throws {
        try withFile("0123456789abcdef") { path in
            let token = try WebToken(file: path)
            try Data("fedcba9876543210".utf8).write(to: URL(filePath: path))
            try token.reload()
            #expect(token.matches(Array("fedcba9876543210".utf8)))
            try Data("short".utf8).write(to: URL(filePath: path))
            #expect(throws: RelayError.self) { try token.reload() }
            #expect(token.matches(Array("fedcba9876543210".utf8)), "the old token must stay valid")
        }
    }

    @Test(arguments: ["", "\n", "short", "               \n"])
    func refusesWhatCanBeGuessed(content: String) throws {
        try withFile(content) { path in
            let error = #expect(throws: RelayError.self) { try WebToken(file: path) }
            #expect(error?.description.contains(path) == true)
            if content == "short" {
                #expect(error?.description.contains(content) == false, "an error must not contain the secret")
            }
        }
        #expect(throws: RelayError.self) { try WebToken(file: "/nonexistent/token") }
    }

    @Test(arguments: [
        ("127.0.0.1", false, false, false), ("::1", false, false, false), ("localhost", false, false, false),
        ("0.0.0.0", false, false, true), ("::", false, true, true), ("10.0.0.5", true, false, true),
        ("127.evil.example", false, false, true), ("10.0.0.5", true, true, false),
    ])
    func warnsOfAnOpenSurface(host: String, token: Bool, tls: Bool, warns: Bool) {
        let warning = WebAccess.warning(listenHost: host, hasToken: token, hasCertificate: tls)
        #expect((warning != nil) == warns)
    }
}
