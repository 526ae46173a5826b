import NIOCore
import Testing

@testable import Redis

/// When an open connection logs in again.
@Suite struct LoginRenewalTests {
    private static let first = RedisCredentials(username: "relay", password: Secret("one"))
    private static let second = RedisCredentials(username: "relay", password: Secret("two"))
    private static let third = RedisCredentials(username: "relay", password: Secret("three"))
    private static let noFile = RedisError.passwordFile(path: "/p", reason: "it is empty")
    private static let refused = RESPValue.error("WRONGPASS invalid username-password pair or user is disabled.")

    private static func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(UInt64(seconds) * 1_000_000_000) }

    @Test func `an unchanged password is not sent again, a changed one once`() {
        var renewal = LoginRenewal(accepted: Self.first)
        #expect(renewal.read(.success(Self.first), at: Self.at(2)) == nil)
        #expect(renewal.read(.success(Self.second), at: Self.at(4)) == .logIn(Self.second))
        #expect(renewal.read(.success(Self.second), at: Self.at(6)) == nil, "the reply is awaited")
        let renewed = renewal.answered(.status("OK"), at: Self.at(7))
        #expect(renewed?.outcome == .renewed && renewed?.isRepeated == false)
        #expect(renewal.read(.success(Self.second), at: Self.at(8)) == nil)
        #expect(renewal.answered(.status("OK"), at: Self.at(9)) == nil, "nothing was asked")
    }

    @Test func `if the server asks for a login, the same password is sent again`() {
        var renewal = LoginRenewal(accepted: Self.first)
        #expect(renewal.read(.success(Self.first), isDemanded: true, at: Self.at(1)) == .logIn(Self.first))
    }

    @Test func `a refused password is tried again after growing pauses, another one at once`() {
        var renewal = LoginRenewal(accepted: Self.first)
        var now: Int64 = 0
        var attempts: [Int64] = []
        while now < 300 {
            if renewal.read(.success(Self.second), at: Self.at(now)) == .logIn(Self.second) {
                let answer = renewal.answered(Self.refused, at: Self.at(now))
                #expect(answer?.isRepeated == !attempts.isEmpty)
                #expect(
                    answer?.outcome == .refused(reply: "WRONGPASS invalid username-password pair or user is disabled."))
                attempts.append(now)
            }
            now += 1
        }
        #expect(attempts == [0, 2, 6, 14, 30, 62, 122, 182, 242])
        #expect(renewal.read(.success(Self.third), at: Self.at(300)) == .logIn(Self.third))
        let renewed = renewal.answered(.status("OK"), at: Self.at(300))
        #expect(renewed?.outcome == .renewed)
        #expect(renewal.read(.success(Self.second), at: Self.at(301)) == .logIn(Self.second), "no refusal is kept")
    }

    @Test func `a file that is empty for a moment is not reported, one that stays empty is, every minute`() {
        var renewal = LoginRenewal(accepted: Self.first)
        #expect(renewal.read(.failure(Self.noFile), at: Self.at(2)) == nil)
        #expect(renewal.read(.success(Self.first), at: Self.at(4)) == nil)
        #expect(renewal.read(.failure(Self.noFile), at: Self.at(6)) == nil)
        let reason = Self.noFile.description
        let first = LoginRenewal.Action.report(.unreadable(reason: reason), isRepeated: false)
        #expect(renewal.read(.failure(Self.noFile), at: Self.at(8)) == first)
        for reading in 1..<30 {
            #expect(renewal.read(.failure(Self.noFile), at: Self.at(8 + 2 * Int64(reading))) == nil)
        }
        let later = LoginRenewal.Action.report(.unreadable(reason: reason), isRepeated: true)
        #expect(renewal.read(.failure(Self.noFile), at: Self.at(68)) == later)
        #expect(renewal.read(.success(Self.second), at: Self.at(70)) == .logIn(Self.second))
    }

    @Test func `RESP2 admits no login while subscribed, and a proxy's reply is scrubbed`() {
        var renewal = LoginRenewal(accepted: Self.first)
        _ = renewal.read(.success(Self.second), at: Self.at(2))
        let resp2 = RESPValue.error(
            "ERR Can't execute 'auth': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed")
        #expect(renewal.answered(resp2, at: Self.at(2))?.outcome == .impossible)
        _ = renewal.read(.success(Self.third), at: Self.at(4))
        #expect(
            renewal.answered(.error("DENIED token three"), at: Self.at(4))?.outcome == .refused(reply: "DENIED ..."))
    }
}
