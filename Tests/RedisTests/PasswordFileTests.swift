import Foundation
import Testing

@testable import Redis

@Suite struct PasswordFileTests {
    private func withFile(_ content: [UInt8], mode: Int = 0o600, _ body: (PasswordFile) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("password-\(UUID())").path
        try Data(content).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(PasswordFile(path: path))
    }

    @Test(arguments: [
        ("hunter2", "hunter2"), ("hunter2\n", "hunter2"), ("hunter2\r\n", "hunter2"), ("hunter2\n\n", "hunter2\n"),
        (" hunter 2 ", " hunter 2 "), ("pässword\n", "pässword"),
    ])
    func content(content: String, expected: String) throws {
        try withFile(Array(content.utf8)) { file in
            let secret = try file.read()
            #expect(secret == Secret(expected))
        }
    }

    @Test(
        arguments: [
            ([], "it is empty"), ([10], "it is empty"), ([0xFF, 0xFE], "not UTF-8"),
            ([UInt8](repeating: 0x61, count: 65_537), "larger than 64 KiB"),
        ] as [([UInt8], String)])
    func refused(content: [UInt8], reason: String) throws {
        try withFile(content) { file in
            let error = #expect(throws: RedisError.self) { try file.read() }
            #expect(error?.description.contains(reason) == true)
            #expect(error?.description.contains(file.path) == true)
        }
    }

    /// What was read from a pipe is gone: it must not be read while connected.
    @Test func consumed() throws {
        #expect(PasswordFile(path: "/dev/null").isConsumed && !PasswordFile(path: "/nonexistent/password").isConsumed)
        try withFile(Array("x".utf8)) { #expect(!$0.isConsumed) }
    }

    @Test func missing() {
        let error = #expect(throws: RedisError.self) { try PasswordFile(path: "/nonexistent/password").read() }
        #expect(error?.description.contains("'/nonexistent/password': No such file") == true)
        #expect(PasswordFile(path: "/nonexistent/password").warning == nil)
    }

    @Test(arguments: [(0o600, false), (0o640, false), (0o644, true), (0o604, true)])
    func warnsOfReadersEverywhere(mode: Int, warns: Bool) throws {
        try withFile(Array("x".utf8), mode: mode) { #expect(($0.warning != nil) == warns) }
    }
}
