import Testing

@testable import Redis

@Suite struct RedisErrorTests {
    private static let endpoint = "redis:6379"

    @Test(
        arguments: [
            (.cannotConnect(endpoint: endpoint, reason: "refused"), true),
            (.connectionClosed(endpoint: endpoint), true),
            (.noAnswer(endpoint: endpoint, seconds: 10), true),
            (.notRedis(endpoint: endpoint, reason: "got \"H\""), false),
            (.authenticationFailed(endpoint: endpoint, reply: "WRONGPASS"), false),
            (.notPermitted(endpoint: endpoint, command: "SUBSCRIBE", reply: "NOPERM"), false),
            (.unexpectedReply(command: "SUBSCRIBE", reply: "nil"), false),
            (.serverError(command: "GET", reply: "LOADING Redis is loading the dataset in memory"), true),
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
        ("NOAUTH Authentication required.", true),
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

    @Test func missingRightNamesTheCommand() {
        let reply = "NOPERM this user has no permissions to access one of the channels used as arguments"
        let error = RedisError.from(reply: reply, command: "SUBSCRIBE", endpoint: Self.endpoint)
        #expect(error == .notPermitted(endpoint: Self.endpoint, command: "SUBSCRIBE", reply: reply))
        #expect(error.description.contains("does not permit SUBSCRIBE"))
    }

    /// A server or proxy that does not know AUTH repeats what it was given.
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
            (.cannotConnect(endpoint: endpoint, reason: "refused"), "cannot connect to Redis at redis:6379: refused"),
            (.connectionClosed(endpoint: endpoint), "redis:6379 closed the connection"),
            (.noAnswer(endpoint: endpoint, seconds: 10), "within 10 s"),
            (.notRedis(endpoint: endpoint, reason: "why"), "(why); is the port right"),
            (.authenticationFailed(endpoint: endpoint, reply: "WRONGPASS x"), "WRONGPASS x; check user and password"),
            (.notPermitted(endpoint: endpoint, command: "INFO", reply: "NOPERM x"), "does not permit INFO: NOPERM x"),
            (.serverError(command: "GET", reply: "ERR x"), "answered GET with an error: ERR x"),
            (.unexpectedReply(command: "GET", reply: "nil"), "answered GET with something unexpected: nil"),
        ] as [(RedisError, String)])
    func describes(error: RedisError, words: String) {
        #expect(error.description.contains(words))
    }
}
