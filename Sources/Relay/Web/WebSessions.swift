import Capture
import Cryptography
import Hummingbird
import NIOConcurrencyHelpers
package import Time

/// Browsers that have shown the token and now send a cookie. In memory only: a restart or a new token ends all
/// sessions.
package final class WebSessions: Sendable {
    private struct Session {
        var expiresAt: UInt64
        var fingerprint: Digest
    }

    private struct State {
        /// By the hash of the secret: the lookup time reveals nothing about existing ones.
        var sessions: [Digest: Session] = [:]
        var nextTryAt: UInt64 = 0
    }

    /// What a login led to.
    package enum Outcome: Equatable {
        /// With the value of the cookie.
        case opened(String)
        case wrongToken
        /// One attempt per second.
        case tooSoon
    }

    /// A session ends this long after its login: 12 hours.
    package static let lifetimeSeconds = 12 * 3_600
    static let tryInterval: UInt64 = 1_000_000_000
    private static let limit = 256

    let token: WebToken
    /// Different for each process: relays on one host must not overwrite each other's cookies.
    package let cookieName: String
    private let state = NIOLockedValueBox(State())

    /// - Parameter token: what a browser must show; read again, it ends sessions that were opened with the old one.
    package init(token: WebToken) {
        self.token = token
        cookieName = "backplane-relay-" + Self.hex(4)
    }

    /// Opens a session for the right token. Beyond 256 sessions the one that ends first is closed.
    ///
    /// - Parameter candidate: from the login form.
    package func login(_ candidate: String, at now: Moment) -> Outcome {
        let isAdmitted = state.withLockedValue { state in
            guard now.monotonic >= state.nextTryAt else { return false }
            state.nextTryAt = now.monotonic + Self.tryInterval
            return true
        }
        guard isAdmitted else { return .tooSoon }
        guard token.matches(Array(candidate.utf8)) else { return .wrongToken }
        let secret = Self.hex(32)
        let session = Session(
            expiresAt: now.monotonic + UInt64(Self.lifetimeSeconds) * 1_000_000_000, fingerprint: token.fingerprint)
        state.withLockedValue { state in
            state.sessions = state.sessions.filter { $0.value.expiresAt > now.monotonic }
            if state.sessions.count >= Self.limit,
                let oldest = state.sessions.min(by: { $0.value.expiresAt < $1.value.expiresAt })
            {
                state.sessions[oldest.key] = nil
            }
            state.sessions[Self.key(secret)] = session
        }
        return .opened(secret)
    }

    /// - Parameter cookies: the header's value.
    package func isOpen(cookies: String?, at now: Moment) -> Bool {
        guard let secret = secret(in: cookies) else { return false }
        guard let session = state.withLockedValue({ $0.sessions[Self.key(secret)] }) else { return false }
        return session.expiresAt > now.monotonic && session.fingerprint == token.fingerprint
    }

    /// Ends the session of a browser; ignored if it has none.
    ///
    /// - Parameter cookies: the header's value.
    package func logout(cookies: String?) {
        guard let secret = secret(in: cookies) else { return }
        state.withLockedValue { $0.sessions[Self.key(secret)] = nil }
    }

    private func secret(in cookies: String?) -> String? {
        cookies.flatMap { Cookies(from: [$0])[cookieName]?.value }
    }

    private static func key(_ secret: String) -> Digest { SHA256.hash(Array(secret.utf8)) }

    private static func hex(_ bytes: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<bytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }.hex
    }
}
