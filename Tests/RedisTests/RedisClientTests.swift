import NIOCore
import NIOPosix
import Redis
import Synchronization
import TestSupport
import Testing

/// ``RedisClient`` against a real redis-server.
@Suite(.needs(.redisServer), .timeLimit(.minutes(1)), .serialized)
struct RedisClientTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    @discardableResult
    private func withClient<Value>(
        _ configuration: RedisConfiguration, _ body: (RedisClient) async throws -> Value
    ) async throws -> Value {
        let client = try await RedisClient.connect(to: configuration, eventLoopGroup: group)
        do {
            let value = try await body(client)
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    private func refusal(of body: () async throws -> some Any) async -> RedisError? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? RedisError
        }
    }

    // MARK: - Commands

    @Test func sendsCommandsOfAllKinds() async throws {
        try await RedisServer.with { server in
            try await withClient(server.configuration) { client in
                let binary: [UInt8] = [UInt8](0...255) + [13, 10]
                #expect(try await client.send(["PING"]) == .status("PONG"))
                #expect(try await client.send(["SET", "key", .bytes(binary)]) == .status("OK"))
                #expect(try await client.send(["GET", "key"]) == .bulk(binary))
                #expect(try await client.send(["GET", "missing"]) == .null)
                #expect(try await client.send(["INCR", "n"]) == .integer(1))
                #expect(
                    try await client.send(["MGET", "n", "missing"]) == .array([.bulk([UInt8(ascii: "1")]), .null]))
                #expect(try await client.send(["KEYS", "nothing*"]) == .array([]))
                let name = try await client.send(["CLIENT", "GETNAME"])
                #expect(name.text == "backplane-relay")
            }
        }
    }

    @Test func errorReplyIsThrownAndTheConnectionContinues() async throws {
        try await RedisServer.with { server in
            try await withClient(server.configuration) { client in
                try await client.send(["SET", "text", "x"])
                let failure = await refusal { try await client.send(["INCR", "text"]) }
                #expect(
                    failure
                        == .serverError(command: "INCR", reply: "ERR value is not an integer or out of range"))
                #expect(try await client.send(["PING"]) == .status("PONG"))
            }
        }
    }

    @Test func concurrentCallersGetTheirOwnReplies() async throws {
        try await RedisServer.with { server in
            try await withClient(server.configuration) { client in
                try await withThrowingTaskGroup(of: Bool.self) { tasks in
                    for number in 0..<200 {
                        tasks.addTask { try await client.send(["ECHO", "\(number)"]).text == "\(number)" }
                    }
                    for try await isRight in tasks { #expect(isRight) }
                }
            }
        }
    }

    @Test func pipelineAnswersInOrderErrorsIncluded() async throws {
        try await RedisServer.with { server in
            try await withClient(server.configuration) { client in
                var bytes = ByteBuffer()
                for _ in 0..<1000 { RESPEncoder.encode(["INCR", "n"], into: &bytes) }
                RESPEncoder.encode(["NONSENSE"], into: &bytes)
                RESPEncoder.encode(["INCR", "n"], into: &bytes)
                let (answers, continuation) = AsyncStream<Result<RESPValue, RedisError>>.makeStream()
                client.pipeline(bytes, count: 1002) { continuation.yield($0) }
                var received: [RESPValue] = []
                for await answer in answers {
                    received.append(try answer.get())
                    if received.count == 1002 { break }
                }
                #expect(received.prefix(1000) == ArraySlice((1...1000).map { .integer($0) }))
                guard case .error(let text)? = received.dropLast().last else {
                    Issue.record("NONSENSE was accepted")
                    return
                }
                #expect(text.hasPrefix("ERR unknown command"))
                #expect(received.last == .integer(1001))
            }
        }
    }

    // MARK: - Scripts

    @Test func evaluateFallsBackToTheText() async throws {
        try await RedisServer.with { server in
            try await withClient(server.configuration) { client in
                let script = try await client.load(script: "return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}")
                #expect(script.sha1.count == 40)
                func run(expecting count: Int64) async throws {
                    let reply = try await client.evaluate(script, keys: ["chat"], arguments: [.bytes([0, 255])])
                    #expect(reply == .array([.bulk(Array("chat".utf8)), .bulk([0, 255]), .integer(count)]))
                }
                try await run(expecting: 1)
                try await client.send(["SCRIPT", "FLUSH"])
                try await run(expecting: 2)
                // EVAL stored it again.
                let known = try await client.send(["SCRIPT", "EXISTS", .text(script.sha1)])
                #expect(known == .array([.integer(1)]))
                try await run(expecting: 3)
            }
        }
    }

    @Test func badScriptIsRefused() async throws {
        try await RedisServer.with { server in
            try await withClient(server.configuration) { client in
                guard
                    case .serverError(let command, let reply) = await refusal(of: { try await client.load(script: "(") }
                    )
                else {
                    Issue.record("a script that does not compile was loaded")
                    return
                }
                #expect(command == "SCRIPT")
                #expect(reply.contains("Error compiling script"))
            }
        }
    }

    // MARK: - Login

    @Test func serverInfo() async throws {
        try await RedisServer.with { server in
            let info = try await withClient(server.configuration) { try await $0.serverInfo() }
            #expect(info.runID.count == 40)
            #expect(info.version.split(separator: ".").count == 3)
            #expect(info.mode == "standalone")
            #expect(info.role == "master")
        }
    }

    @Test func password() async throws {
        try await RedisServer.with(["--requirepass", "hunter2"]) { server in
            var configuration = server.configuration
            let missing = await refusal { try await withClient(configuration) { _ in } }
            #expect(missing == .authenticationRequired(endpoint: configuration.endpoint))

            configuration.password = Secret("hunter3")
            let wrong = try #require(await refusal { try await withClient(configuration) { _ in } })
            guard case .authenticationFailed(_, let reply) = wrong else {
                Issue.record("connected with a wrong password: \(wrong)")
                return
            }
            #expect(reply.hasPrefix("WRONGPASS"))
            #expect(!wrong.isTransient)
            #expect(!wrong.description.contains("hunter"))

            configuration.password = Secret("hunter2")
            #expect(try await withClient(configuration) { try await $0.send(["PING"]) } == .status("PONG"))
        }
    }

    @Test func aclUser() async throws {
        try await RedisServer.with { server in
            try await withClient(server.configuration) { client in
                // Without permission even to name its connection.
                try await client.send(["ACL", "SETUSER", "relay", "on", ">hunter2", "+ping", "resetchannels"])
            }
            var configuration = server.configuration
            configuration.username = "relay"
            configuration.password = Secret("hunter2")
            try await withClient(configuration) { client in
                let pong = try await client.send(["PING"])
                #expect(pong == .status("PONG"))
                guard
                    case .notPermitted(_, let command, _, let rule) = await refusal(of: {
                        try await client.send(["GET", "key"])
                    })
                else {
                    Issue.record("GET was permitted")
                    return
                }
                #expect(command == "GET")
                #expect(rule == "ACL SETUSER relay +get")
            }
        }
    }

    @Test func selectsTheDatabase() async throws {
        try await RedisServer.with { server in
            var third = server.configuration
            third.database = 3
            try await withClient(third) { try await $0.send(["SET", "key", "in 3"]) }
            #expect(try await withClient(third) { try await $0.send(["GET", "key"]).text } == "in 3")
            #expect(try await withClient(server.configuration) { try await $0.send(["GET", "key"]) } == .null)

            third.database = 99
            let outOfRange = await refusal { try await withClient(third) { _ in } }
            #expect(outOfRange == .wrongDatabase(endpoint: third.endpoint, database: 99))
        }
    }

    // MARK: - Errors

    @Test func nothingListens() async throws {
        let configuration = RedisConfiguration(host: "127.0.0.1", port: try FreePort.find())
        guard
            case .cannotConnect(let endpoint, let failure) = await refusal(of: {
                try await withClient(configuration) { _ in }
            })
        else {
            Issue.record("connected without a server")
            return
        }
        #expect(endpoint == configuration.endpoint)
        #expect(failure == .refused)
    }

    @Test func serverThatDoesNotRespond() async throws {
        try await RedisServer.with { server in
            server.freeze()
            let failure = await refusal {
                try await RedisClient.connect(
                    to: server.configuration, eventLoopGroup: group, loginTimeout: .milliseconds(1))
            }
            #expect(failure == .noAnswer(endpoint: server.configuration.endpoint, seconds: 0))
        }
    }

    @Test func fullServerIsTransient() async throws {
        try await RedisServer.with { server in
            try await withClient(server.configuration) { client in
                try await client.send(["CONFIG", "SET", "maxclients", "1"])
                // The refusal may be lost to the reset that follows it; in any case another attempt is worthwhile.
                let failure = try #require(await refusal { try await withClient(server.configuration) { _ in } })
                #expect(failure.isTransient)
            }
        }
    }

    @Test func lostConnectionFailsTheUnanswered() async throws {
        try await RedisServer.with { server in
            try await withClient(server.configuration) { client in
                let (answers, continuation) = AsyncStream<Result<RESPValue, RedisError>>.makeStream()
                var bytes = ByteBuffer()
                RESPEncoder.encode(["PING"], into: &bytes)
                // Waits for an element that never arrives.
                RESPEncoder.encode(["BLPOP", "nothing", "0"], into: &bytes)
                client.pipeline(bytes, count: 2) { continuation.yield($0) }
                var iterator = answers.makeAsyncIterator()
                #expect(await iterator.next() == .success(.status("PONG")))
                await server.stop()
                let closed = RedisError.connectionClosed(endpoint: server.configuration.endpoint)
                #expect(await iterator.next() == .failure(closed))
                #expect(await refusal { try await client.send(["PING"]) } == closed)
            }
        }
    }

    @Test func closeFailsTheUnanswered() async throws {
        try await RedisServer.with { server in
            let client = try await RedisClient.connect(to: server.configuration, eventLoopGroup: group)
            async let waiting = refusal { try await client.send(["BLPOP", "nothing", "0"]) }
            // Whether BLPOP is sent before the close or too late, the caller gets the same error.
            await client.close()
            #expect(await waiting == .connectionClosed(endpoint: server.configuration.endpoint))
        }
    }
}
