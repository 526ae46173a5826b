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

    /// - Parameter sha1: of the script that publishes envelopes of SignalR 2.
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

    /// Publishes a payload as it is.
    mutating func append(channel: Int, publishing payload: [UInt8], on target: [UInt8]) {
        payload.withUnsafeBytes { payload in
            target.withUnsafeBytes { commands.append(publishing: payload, on: $0) }
        }
        channels.append(channel)
        ends.append(commands.bytes.readableBytes)
    }

    /// Sends some of the commands, and waits until each is answered or lost.
    ///
    /// - Parameter indexes: ascending; at least one.
    func send(_ indexes: [Int], through client: RedisClient) async -> [Result<RESPValue, RedisError>] {
        let count = indexes.count
        var bytes = commands.bytes
        if count < channels.count {
            bytes = ByteBuffer()
            for index in indexes {
                let start = index == 0 ? 0 : ends[index - 1]
                if let part = commands.bytes.getSlice(
                    at: commands.bytes.readerIndex + start, length: ends[index] - start)
                {
                    bytes.writeImmutableBuffer(part)
                }
            }
        }
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
