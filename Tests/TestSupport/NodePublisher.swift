import Backplane
import Foundation
import NIOCore
package import Redis
import Synchronization

/// Publishes like a node: with the node's script, so that the counter assigns the ids.
package final class NodePublisher: Sendable {
    /// The script's reply.
    package struct Published: Sendable {
        package let id: UInt64
        package let payload: [UInt8]
        package let confirmedAt: ContinuousClock.Instant
    }

    package let channel: String
    private let client: RedisClient
    private let script: RedisScript

    package init(_ client: RedisClient, channel: String) async throws {
        self.client = client
        self.channel = channel
        script = try await client.load(script: BackplaneScript.publish)
    }

    /// Publishes chat messages in one pipeline, and waits for the replies.
    ///
    /// - Parameter size: bytes of each message's text.
    package func publish(_ count: Int, size: Int = 100) async throws -> [Published] {
        var commands = ByteBuffer()
        for _ in 0..<count {
            RESPEncoder.encode(
                ["EVALSHA", .text(script.sha1), "1", .text(channel), .bytes(Self.blob(size: size))], into: &commands)
        }
        let answers = Answers(count: count)
        return try await withCheckedThrowingContinuation { continuation in
            answers.whenComplete { continuation.resume(with: $0) }
            client.pipeline(commands, count: count) { answers.add($0) }
        }
    }

    /// Publishes one message in each database in turn, each with that database's counter, in one step of the server: no
    /// time passes between two of them, however slow the test is.
    package func publish(inDatabases databases: [Int]) async throws {
        let script = """
            for index = 1, #ARGV, 2 do
                redis.call('SELECT', ARGV[index])
                redis.call('PUBLISH', KEYS[1], redis.call('INCR', KEYS[1]) .. ' ' .. ARGV[index + 1])
            end
            """
        // Each with its own time: two equal ids with one time of creation would be one envelope received twice.
        let arguments = databases.flatMap { database -> [RESPArgument] in
            [.text("\(database)"), .bytes(Self.blob(size: 100))]
        }
        try await client.send(["EVAL", .text(script), "1", .text(channel)] + arguments)
    }

    private static func blob(size: Int) -> [UInt8] {
        let text = (0..<size).map { _ in Character(Unicode.Scalar(UInt8.random(in: 97...122))) }
        let call = #"{"H":"chatHub","M":"broadcastMessage","A":["alice",""# + String(text) + #""]}"#
        let message = Message(
            source: "5d79f717-a44d-4b23-ae9c-fb5f3a54d40b", key: "h-chatHub", value: Array(call.utf8))
        let now = Int64(Date().timeIntervalSince1970 * 1e9)
        return ScaleoutMessage(messages: [message], createdTicks: DotNetTicks(unixNanoseconds: now).rawValue).encoded()
    }
}

/// Collects the replies to one pipeline.
private final class Answers: Sendable {
    private struct State {
        var published: [NodePublisher.Published] = []
        var failure: TestFailure?
        var open: Int
        var completion: (@Sendable (Result<[NodePublisher.Published], any Error>) -> Void)?
    }

    private let state: Mutex<State>

    init(count: Int) {
        state = Mutex(State(open: count))
    }

    func whenComplete(_ body: @escaping @Sendable (Result<[NodePublisher.Published], any Error>) -> Void) {
        state.withLock { $0.completion = body }
    }

    func add(_ reply: Result<RESPValue, RedisError>) {
        let now = ContinuousClock.now
        let (completion, result) = state.withLock { state in
            state.open -= 1
            if case .success(.array(let parts)) = reply, let id = parts.first?.integer,
                case .bulk(let payload)? = parts.last
            {
                state.published.append(
                    NodePublisher.Published(id: UInt64(id), payload: payload, confirmedAt: now))
            } else {
                state.failure = state.failure ?? TestFailure("the publishing script answered \(reply)")
            }
            let result: Result<[NodePublisher.Published], any Error> =
                state.failure.map { .failure($0) } ?? .success(state.published)
            return (state.open == 0 ? state.completion : nil, result)
        }
        completion?(result)
    }
}
