import Capture
import Foundation
import Testing
import Time

@testable import Relay

@Suite struct WebSessionsTests {
    private static let secret = "0123456789abcdef"

    private func withSessions(_ body: (WebSessions, _ path: String) throws -> Void) throws {
        let path = "/tmp/backplane-relay-token-\(UUID().uuidString)"
        try Data(Self.secret.utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(WebSessions(token: try WebToken(file: path)), path)
    }

    private func at(_ seconds: Double) -> Moment {
        Moment(realtime: 0, monotonic: UInt64((1_000 + seconds) * 1e9))
    }

    private func open(_ sessions: WebSessions, at moment: Moment) throws -> String {
        guard case .opened(let cookie) = sessions.login(Self.secret, at: moment) else {
            throw CancellationError()
        }
        return "\(sessions.cookieName)=\(cookie)"
    }

    @Test func theTokenOpensASessionForTwelveHours() throws {
        try withSessions { sessions, _ in
            let cookie = try open(sessions, at: at(0))
            let end = Double(WebSessions.lifetimeSeconds)
            #expect(sessions.isOpen(cookies: cookie, at: at(0)))
            #expect(sessions.isOpen(cookies: "a=b; \(cookie); c=d", at: at(end - 1)))
            #expect(!sessions.isOpen(cookies: cookie, at: at(end)))
        }
    }

    @Test(arguments: ["", "wrong", "0123456789abcde", "0123456789abcdef0"]) func anotherTokenDoesNot(
        _ candidate: String
    )
        throws
    {
        try withSessions { sessions, _ in #expect(sessions.login(candidate, at: at(0)) == .wrongToken) }
    }

    @Test func oneAttemptPerSecond() throws {
        try withSessions { sessions, _ in
            #expect(sessions.login("wrong", at: at(0)) == .wrongToken)
            #expect(sessions.login(Self.secret, at: at(0.9)) == .tooSoon)
            _ = try open(sessions, at: at(1))
        }
    }

    @Test func otherCookiesAreRefused() throws {
        try withSessions { sessions, _ in
            let cookie = try open(sessions, at: at(0))
            for other in [
                nil, "", "=", sessions.cookieName, sessions.cookieName + "=", cookie + "0", String(cookie.dropLast()),
                "x" + cookie, cookie.uppercased(),
            ] {
                #expect(!sessions.isOpen(cookies: other, at: at(1)), "\(other ?? "nil")")
            }
        }
    }

    @Test func aNewTokenEndsTheSessionsOfTheOldOne() throws {
        try withSessions { sessions, path in
            let cookie = try open(sessions, at: at(0))
            try Data("another token, longer".utf8).write(to: URL(filePath: path))
            try sessions.token.reload()
            #expect(!sessions.isOpen(cookies: cookie, at: at(1)))
        }
    }

    @Test func logout() throws {
        try withSessions { sessions, _ in
            let cookie = try open(sessions, at: at(0))
            let other = try open(sessions, at: at(2))
            sessions.logout(cookies: cookie)
            #expect(!sessions.isOpen(cookies: cookie, at: at(3)))
            #expect(sessions.isOpen(cookies: other, at: at(3)))
        }
    }
}
