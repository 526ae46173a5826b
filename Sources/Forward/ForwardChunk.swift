import NIOConcurrencyHelpers
import NIOCore
import Redis

/// A group of publish commands sent to the target together, with their channels.
struct ForwardChunk {
    /// Maximum number of unanswered commands.
    static let limit = 512
    static let byteLimit = 256 * 1024

    private(set) var commands: CommandBatch
    /// Channel index of each command.
    private(set) var channels: [Int] = []
    /// End of each command in the bytes.
    private(set) var ends: [Int] = []

    init(sha1: String) {
        commands = CommandBatch(sha1: sha1)
    }

    var isEmpty: Bool { channels.isEmpty }
    var isFull: Bool { channels.count >= Self.limit || commands.bytes.readableBytes >= Self.byteLimit }

    mutating func append(channel: Int, to target: String, blob: UnsafeRawBufferPointer) {
        commands.append(channel: target, blob: blob)
        channels.append(channel)
        ends.append(commands.bytes.readableBytes)
    }

    /// Sends the commands starting with one of them, and waits until each is answered or lost.
    func send(from first: Int = 0, through client: RedisClient) async -> [Result<RESPValue, RedisError>] {
        let count = channels.count - first
        let start = first == 0 ? 0 : ends[first - 1]
        var bytes = commands.bytes
        bytes.moveReaderIndex(forwardBy: start)
        let answers = NIOLockedValueBox<[Result<RESPValue, RedisError>]>([])
        return await withCheckedContinuation { continuation in
            client.pipeline(bytes, count: count) { answer in
                let all = answers.withLockedValue { answers in
                    answers.append(answer)
                    return answers.count == count ? answers : nil
                }
                if let all { continuation.resume(returning: all) }
            }
        }
    }
}
