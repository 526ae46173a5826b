import Foundation
import NIOCore
import TLS
import Testing

@testable import Redis

@Suite struct RedisErrorTests {
    private static let endpoint = "redis:6379"

    @Test(
        arguments: [
            (.cannotConnect(endpoint: endpoint, failure: .refused), true),
            (.connectionClosed(endpoint: endpoint), true),
            (.noAnswer(endpoint: endpoint, seconds: 10), true),
            (.notRedis(endpoint: endpoint, reason: "got \"H\""), false),
            (.tls(endpoint: endpoint, .expired(0)), false),
            (.tls(endpoint: endpoint, .unknownAuthority), false),
            (.tls(endpoint: endpoint, .notTLS), false),
            (.tls(endpoint: endpoint, .closed), true),
            (.tls(endpoint: endpoint, .noAnswer(seconds: 1)), true),
            (.tlsFile(path: "/x", reason: "y"), false),
            (.passwordFile(path: "/x", reason: "y"), false),
            (.authenticationRequired(endpoint: endpoint), false),
            (.authenticationFailed(endpoint: endpoint, reply: "WRONGPASS"), false),
            (.notPermitted(endpoint: endpoint, command: "SUBSCRIBE", reply: "NOPERM", rule: nil), false),
            (.wrongDatabase(endpoint: endpoint, database: 99), false),
            (.replica(endpoint: endpoint, master: nil), false),
            (.clusterMode(endpoint: endpoint), false),
            (.clusterUnknown(endpoint: endpoint), false),
            (.cutOff(endpoint: endpoint), true), (.clusterIncomplete(reason: "r"), true),
            (.sentinelWantsLogin(endpoint: endpoint), false),
            (.sentinelRefusedLogin(endpoint: endpoint, reply: "x", isOwn: true), false),
            (.sentinel(endpoint: endpoint), false),
            (.unknownMaster(name: "m", sentinels: "s"), false),
            (.noSentinel(name: "m", reasons: []), true),
            (.demotedMaster(endpoint: endpoint, name: "m"), true),
            (.loading(endpoint: endpoint), true),
            (.cannotPersist(endpoint: endpoint), true),
            (.outOfMemory(endpoint: endpoint), true),
            (.readOnly(endpoint: endpoint), true),
            (.noneOf([.clusterMode(endpoint: endpoint), .connectionClosed(endpoint: endpoint)]), true),
            (.noneOf([.clusterMode(endpoint: endpoint), .replica(endpoint: endpoint, master: nil)]), false),
            // During a failover there may be replicas only.
            (.noneOf([.replica(endpoint: endpoint, master: nil), .replica(endpoint: endpoint, master: nil)]), true),
            (.unexpectedReply(command: "SUBSCRIBE", reply: "nil"), false),
            (.serverError(command: "GET", reply: "BUSY Redis is busy running a script."), true),
            (.serverError(command: "GET", reply: "TRYAGAIN Multiple keys request during rehashing of slot"), true),
            (.serverError(command: "GET", reply: "MASTERDOWN Link with MASTER is down"), true),
            (.serverError(command: "GET", reply: "CLUSTERDOWN The cluster is down"), true),
            (.serverError(command: "GET", reply: "ERR max number of clients reached"), true),
            (.serverError(command: "GET", reply: "ERR max number of clients + cluster connections reached"), true),
            (.serverError(command: "GET", reply: "DENIED Redis is running in protected mode"), false),
            (.serverError(command: "GET", reply: "ERR unknown command 'GET'"), false),
            (.serverError(command: "GET", reply: "WRONGTYPE Operation against a key"), false),
            (.serverError(command: "GET", reply: ""), false),
        ] as [(RedisError, Bool)])
    func isTransient(error: RedisError, expected: Bool) {
        #expect(error.isTransient == expected)
    }

    @Test(arguments: [
        ("WRONGPASS invalid username-password pair or user is disabled.", true),
        ("ERR invalid password", true),
        ("ERR Client sent AUTH, but no password is set", true),
        ("ERR AUTH <password> called without any password configured for the default user.", true),
        ("ERR syntax error", false),
        ("ERR", false),
    ])
    func loginReplies(reply: String, isLogin: Bool) {
        let error = RedisError.from(reply: reply, command: "AUTH", endpoint: Self.endpoint)
        let expected: RedisError =
            isLogin
            ? .authenticationFailed(endpoint: Self.endpoint, reply: reply)
            : .serverError(command: "AUTH", reply: reply)
        #expect(error == expected)
    }

    @Test(
        arguments: [
            ("NOAUTH Authentication required.", .authenticationRequired(endpoint: endpoint)),
            ("LOADING Redis is loading the dataset in memory", .loading(endpoint: endpoint)),
            ("MISCONF Redis is configured to save RDB snapshots", .cannotPersist(endpoint: endpoint)),
            ("OOM command not allowed when used memory > 'maxmemory'.", .outOfMemory(endpoint: endpoint)),
            ("READONLY You can't write against a read only replica.", .readOnly(endpoint: endpoint)),
            ("MOVED 3999 127.0.0.1:6381", .clusterMode(endpoint: endpoint)),
            ("OOMPH", .serverError(command: "GET", reply: "OOMPH")),
        ] as [(String, RedisError)])
    func sortsByTheFirstWord(reply: String, expected: RedisError) {
        #expect(RedisError.from(reply: reply, command: "GET", endpoint: Self.endpoint) == expected)
    }

    @Test func clusterModeIsRefusedForBothBackplanes() {
        let text = RedisError.clusterMode(endpoint: Self.endpoint).description
        #expect(text.contains("neither for SignalR 2 nor for ASP.NET Core SignalR"))
    }

    @Test func missingPermissionNamesTheCommandAndTheRule() {
        let reply = "NOPERM this user has no permissions to access one of the channels used as arguments"
        let error = RedisError.from(
            reply: reply, command: "SUBSCRIBE", endpoint: Self.endpoint, user: "relay", names: ["chat"])
        let rule = "ACL SETUSER relay &chat"
        #expect(
            error == .notPermitted(endpoint: Self.endpoint, command: "SUBSCRIBE", reply: reply, rule: rule))
        #expect(error.description.contains("does not permit SUBSCRIBE"))
        #expect(error.description.contains(rule))
    }

    @Test(
        arguments: [
            ("NOPERM this user has no permissions to run the 'subscribe' command", "SUBSCRIBE", "+subscribe"),
            ("NOPERM this user has no permissions to run the 'client|id' command", "CLIENT", "+client|id"),
            ("NOPERM User relay has no permissions to run the 'info' command", "INFO", "+info"),
            ("NOPERM this user has no permissions to run the 'eval' command or its subcommand", "EVAL", "+eval"),
            ("NOPERM this user has no permissions to access one of the channels used as arguments", "X", "&a &b"),
            ("NOPERM No permissions to access a channel", "X", "&a &b"),
            ("NOPERM this user has no permissions to access one of the keys used as arguments", "X", "~a ~b"),
            ("NOPERM of a kind yet unknown", "X", nil),
        ] as [(String, String, String?)])
    func missingRule(reply: String, command: String, rule: String?) {
        #expect(AccessRule.missing(reply: reply, command: command, names: ["a", "b"]) == rule)
    }

    /// A server or proxy that does not know AUTH repeats its arguments.
    @Test(arguments: [
        "ERR unknown command 'AUTH', with args beginning with: 'hunter2' ",
        "ERR unknown command `AUTH`, with args beginning with: `relay`, `hunter2`, ",
    ])
    func argumentsAreCutOff(reply: String) {
        let error = RedisError.from(reply: reply, command: "AUTH", endpoint: Self.endpoint)
        #expect(error.description.contains("unknown command"))
        #expect(!error.description.contains("hunter2"))
        #expect(!error.description.contains("relay"))
    }

    @Test(arguments: [
        ("NOAUTH Authentication required.", true),
        ("DENIED Redis is running in protected mode because protected mode is enabled", true),
        ("ERR max number of clients reached", true),
        ("NOPERM User relay has no permissions to run the 'client|setname' command", false),
        ("ERR unknown command 'CLIENT'", false),
    ])
    func refusalsOfTheWholeConnection(reply: String, expected: Bool) {
        #expect(RedisError.refusesConnection(reply) == expected)
    }

    @Test(
        arguments: [
            (
                .cannotConnect(endpoint: endpoint, failure: .refused),
                "Redis at redis:6379 refused the connection: is it running, and is this its port?"
            ),
            (.cannotConnect(endpoint: endpoint, failure: .unknownHost), "the host name of Redis at"),
            (.cannotConnect(endpoint: endpoint, failure: .timedOut(milliseconds: 5_000)), "within 5 s: is the address"),
            (.cannotConnect(endpoint: endpoint, failure: .timedOut(milliseconds: 250)), "within 250 ms: is the"),
            (.cannotConnect(endpoint: endpoint, failure: .noRoute), "no route to Redis at redis:6379"),
            (.cannotConnect(endpoint: "unix:/run/r", failure: .noSocket), "there is no socket unix:/run/r"),
            (.cannotConnect(endpoint: "unix:/run/r", failure: .refused), "nothing listens on the socket"),
            (.cannotConnect(endpoint: "unix:/run/r", failure: .notPermitted), "may not open the socket"),
            (.cannotConnect(endpoint: endpoint, failure: .tooManyOpenFiles), "LimitNOFILE"),
            (.sentinelWantsLogin(endpoint: "s:1"), "sentinelPassword"),
            (
                .sentinelRefusedLogin(endpoint: "s:1", reply: "WRONGPASS x.", isOwn: true),
                "WRONGPASS x; check sentinelUser"
            ),
            (
                .sentinelRefusedLogin(endpoint: "s:1", reply: "WRONGPASS x.", isOwn: false),
                "refused the login of the servers"
            ),
            (.clusterUnknown(endpoint: endpoint), "permit INFO, HELLO or CLUSTER INFO"),
            (.connectionClosed(endpoint: endpoint), "redis:6379 closed the connection"),
            (.noAnswer(endpoint: endpoint, seconds: 10), "within 10 s"),
            (.notRedis(endpoint: endpoint, reason: "why"), "is not Redis: its answer is not in the Redis protocol"),
            (.notRedis(endpoint: endpoint, reason: "got \"H\" as reply type byte"), "like a web server"),
            (.notRedis(endpoint: endpoint, reason: "got \"\\x15\" as reply type byte"), "write rediss://"),
            (.connectionClosed(endpoint: endpoint), "write rediss://"),
            (.tls(endpoint: endpoint, .expired(1_750_000_000)), "expired (2025-06-15)"),
            (.tls(endpoint: endpoint, .wrongHost(expected: "redis")), "not for 'redis'"),
            (.passwordFile(path: "/run/secret", reason: "it is empty"), "'/run/secret': it is empty"),
            (.authenticationRequired(endpoint: endpoint), "NOAUTH"),
            (.wrongDatabase(endpoint: endpoint, database: 99), "no database 99"),
            (.replica(endpoint: endpoint, master: "m:1"), "a replica of m:1; name the master"),
            (.sentinel(endpoint: endpoint), "redis+sentinel://redis:6379/mymaster"),
            (.unknownMaster(name: "m", sentinels: "s:1"), "s:1 know no master 'm'"),
            (.noSentinel(name: "m", reasons: ["a", "b"]), "where 'm' is: a; b"),
            (.cannotPersist(endpoint: endpoint), "MISCONF"),
            (.authenticationFailed(endpoint: endpoint, reply: "WRONGPASS x"), "WRONGPASS x; check user and password"),
            (
                .notPermitted(endpoint: endpoint, command: "INFO", reply: "NOPERM x", rule: nil),
                "does not permit INFO: NOPERM x"
            ),
            (.serverError(command: "GET", reply: "ERR x"), "answered GET with an error: ERR x"),
            (.unexpectedReply(command: "GET", reply: "nil"), "answered GET with something unexpected: nil"),
        ] as [(RedisError, String)])
    func describes(error: RedisError, words: String) {
        #expect(error.description.contains(words))
    }

    @Test(arguments: [
        ("ERR invalid password", "hunter2", "ERR invalid password"),
        (
            "WRONGPASS invalid username-password pair or user is disabled.", "ab",
            "WRONGPASS invalid username-password pair or user is disabled."
        ),
        ("ERR proxy: login 'hunter2' refused", "hunter2", "ERR ..."), ("hunter2?", "hunter2", "an error"),
        ("ERR proxy: refused", "hunter2", "ERR proxy: refused"),
    ])
    func repliesToALogin(reply: String, password: String, printed: String) {
        #expect(RedisCredentials(username: nil, password: Secret(password)).scrubbed(reply) == printed)
    }

    /// Errors of the system as own kinds, without their original text.
    @Test(
        arguments: [
            (IOError(errnoCode: ECONNREFUSED, reason: "connect(descriptor:addr:size:)"), .refused),
            (IOError(errnoCode: EHOSTUNREACH, reason: "x"), .noRoute),
            (IOError(errnoCode: ENOENT, reason: "x"), .noSocket),
            (IOError(errnoCode: EACCES, reason: "x"), .notPermitted),
            (IOError(errnoCode: EMFILE, reason: "x"), .tooManyOpenFiles),
            (IOError(errnoCode: ETIMEDOUT, reason: "x"), .timedOut(milliseconds: 0)),
            (IOError(errnoCode: EPROTO, reason: "connect(descriptor:addr:size:)"), .other("Protocol error")),
            (ChannelError.connectTimeout(.seconds(5)), .timedOut(milliseconds: 5_000)),
            (ChannelError.alreadyClosed, .other("the connection could not be made")),
        ] as [(any Error, ConnectFailure)])
    func connectFailures(error: any Error, expected: ConnectFailure) {
        #expect(ConnectFailure(error) == expected)
    }
}
