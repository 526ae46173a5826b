import Backplane
import NIOConcurrencyHelpers
import NIOCore
import Redis

/// The publish commands for a batch: its envelopes with a forward mark, except those that must not be forwarded.
/// Decision logic without I/O.
struct ForwardedBatch {
    /// The commands to send, in order; no chunk is empty.
    var chunks: [ForwardChunk] { filling.filter { !$0.isEmpty } }
    /// Envelopes that nodes cannot decode, or that cannot be marked.
    private(set) var undecodable = 0
    /// Envelopes that already passed the target or this relay.
    private(set) var returned = 0
    /// Envelopes that are meaningless at another Redis, by kind.
    private(set) var leftOut: [CoreLeftOut: Int] = [:]
    private var filling: [ForwardChunk]
    private let sha1: String

    /// - Parameter sha1: of the script that publishes envelopes of SignalR 2.
    init(_ batch: EnvelopeBatch, _ places: LoopGuard, sha1: String) {
        self.sha1 = sha1
        filling = [ForwardChunk(sha1: sha1)]
        batch.forEach { channel, _, payload in add(payload, channel: channel, places) }
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer, channel: Int, _ places: LoopGuard) {
        if filling[filling.count - 1].isFull { filling.append(ForwardChunk(sha1: sha1)) }
        if case .core(let hub) = places.channels[channel], case .core(let target) = places.targets[channel] {
            let outcome = CoreForward.outcome(
                of: bytes, hub, to: target, places.route.renaming, leaving: places.leaving(channel),
                unlessBeenAt: places.visited(channel))
            switch outcome {
            case .publish(let name, let payload):
                filling[filling.count - 1].append(channel: channel, publishing: payload, on: name)
            case .leftOut(let kind): leftOut[kind, default: 0] += 1
            case .returned: returned += 1
            case .undecodable: undecodable += 1
            }
            return
        }
        guard let blob = Reissue.blob(of: bytes),
            let outcome = try? ForwardMark.mark(
                blob, leaving: places.leaving(channel), unlessBeenAt: places.visited(channel))
        else {
            undecodable += 1
            return
        }
        guard case .marked(let marked) = outcome else {
            returned += 1
            return
        }
        marked.withUnsafeBytes {
            filling[filling.count - 1].append(channel: channel, to: places.target(of: channel), blob: $0)
        }
    }
}

/// Decides whether an envelope of ASP.NET Core is forwarded, and with which channel and payload. Decision logic without
/// I/O.
enum CoreForward {
    enum Outcome {
        case publish(channel: [UInt8], payload: [UInt8])
        /// It is meaningless at another Redis.
        case leftOut(CoreLeftOut)
        /// Its forward mark shows that it already passed the target or this relay.
        case returned
        /// Nodes would not accept the payload, or it cannot be marked.
        case undecodable
    }

    /// - Parameters:
    ///   - bytes: a ``CoreRecord``.
    ///   - hub: its hub at the source.
    ///   - target: its hub at the target.
    ///   - renaming: new names for its group or user.
    ///   - place: see ``LoopGuard/leaving(_:)``.
    ///   - places: see ``LoopGuard/visited(_:)``.
    static func outcome(
        of bytes: UnsafeRawBufferPointer, _ hub: CoreHub, to target: CoreHub, _ renaming: CoreRenaming = CoreRenaming(),
        leaving place: String, unlessBeenAt places: [String]
    ) -> Outcome {
        guard let record = try? CoreRecord(bytes), let name = hub.parse(record.channel),
            let view = try? CorePayloadView(name.kind, record.payload)
        else { return .undecodable }
        if let kind = CoreLeftOut(name, view) { return .leftOut(kind) }
        let marked = try? CoreForwardMark.mark(
            record.payload, name.kind, leaving: place, unlessBeenAt: places)
        switch marked {
        case .marked(let payload):
            let recipient = renaming.renamed(name.kind, name.name).map { Array($0.utf8) } ?? Array(name.name)
            return .publish(channel: target.channel(name.kind, recipient), payload: payload)
        case .returned: return .returned
        case .unmarkable, nil: return .undecodable
        }
    }
}

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

    /// Publishes an unchanged payload.
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
