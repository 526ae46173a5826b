import Backplane
import Capture
import Foundation
import NIOCore
import Redis
import Synchronization
import TestSupport
import Time

@testable import Replay

/// A clock that advances only in sleeps, or when set.
final class StoppedClock: ReplayClock {
    private let moment: Mutex<Moment>
    /// The length of each sleep, in nanoseconds.
    private let record = Mutex<[UInt64]>([])
    /// Called before each sleep: simulates keys.
    private let onSleep: @Sendable (_ monotonic: UInt64) -> Void

    init(realtime: UInt64 = 1_000_000_000, onSleep: @escaping @Sendable (UInt64) -> Void = { _ in }) {
        moment = Mutex(Moment(realtime: realtime, monotonic: 0))
        self.onSleep = onSleep
    }

    var sleeps: [UInt64] { record.withLock { $0 } }

    func now() -> Moment { moment.withLock { $0 } }

    func advance(by nanoseconds: UInt64) {
        moment.withLock {
            $0.realtime += nanoseconds
            $0.monotonic += nanoseconds
        }
    }

    func sleep(until deadline: UInt64) {
        let now = now().monotonic
        onSleep(now)
        guard deadline > now else { return }
        record.withLock { $0.append(deadline - now) }
        advance(by: deadline - now)
    }

    func spin(until deadline: UInt64) {
        let now = now().monotonic
        if deadline > now { advance(by: deadline - now) }
    }
}

/// A target with immediate, scripted replies.
final class ScriptedTarget: CommandPipeline {
    /// Received commands, in the pieces in which they arrived.
    private let record = Mutex<[Int]>([])
    private let ids = Mutex<Int64>(0)
    /// The reply by command number, starting at 1; nil means a new id.
    private let answer: @Sendable (_ command: Int) -> Result<RESPValue, RedisError>?

    init(answer: @escaping @Sendable (_ command: Int) -> Result<RESPValue, RedisError>? = { _ in nil }) {
        self.answer = answer
    }

    var pieces: [Int] { record.withLock { $0 } }

    func send(
        _ bytes: ByteBuffer, count: Int, beforeWrite: @escaping @Sendable () -> Void,
        onWrite: @escaping @Sendable () -> Void, onReply: @escaping @Sendable (Result<RESPValue, RedisError>) -> Void
    ) {
        record.withLock { $0.append(count) }
        beforeWrite()
        onWrite()
        for _ in 0..<count {
            let id = ids.withLock {
                $0 += 1
                return $0
            }
            onReply(answer(Int(id)) ?? .success(.array([.integer(id), .integer(1)])))
        }
    }
}

extension ReplayAccount {
    /// - Parameters:
    ///   - confirmed: by an earlier process, if resumed.
    static func ofTests(confirmed: Int = 0, isResumed: Bool = false, path: String? = nil) -> ReplayAccount {
        var checkpoint = ReplayCheckpoint(
            token: "t", target: .ofTests, segments: ["a"], options: "o", counters: ["chat": 100])
        checkpoint.confirmed = confirmed
        return ReplayAccount(checkpoint, isResumed: isResumed, path: path)
    }
}

extension ServerIdentity {
    static let ofTests = ServerIdentity(runID: "r1", endpoint: "redis:6379")
}

private final class Silence: CaptureWriterObserver {
    func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64) {}
    func chunkLeftUncompressed() {}
    func synced(nanoseconds: UInt64) {}
    func segmentOpened(path: String) {}
    func segmentLost(_ loss: SegmentLoss) {}
}

enum ReplayedCapture {
    /// A capture of these ids, a millisecond apart; nil is a payload that no node's script published.
    static func with(
        ids: [UInt64?], _ body: (CaptureReader) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { folder in
            var writer = CaptureWriter(
                configuration: .init(directory: folder, channels: ["chat"]),
                source: CaptureSource(relayVersion: "1", host: "h", redis: "r"), previous: .init(),
                observer: Silence())
            var now = Moment(realtime: 1_795_383_660_000_000_000, monotonic: 5_000_000_000_000)
            try writer.connected(runID: nil, redisVersion: nil, at: now)
            for id in ids {
                let payload = id.map { self.payload($0) } ?? Array("no envelope".utf8)
                payload.withUnsafeBytes {
                    writer.append(
                        channel: 0, id: id, publishTime: nil, receivedAt: now.realtime, payload: $0, at: now)
                }
                now = Moment(realtime: now.realtime + 1_000_000, monotonic: now.monotonic + 1_000_000)
            }
            try writer.close(now)
            try await body(CaptureReader(paths: [folder]))
        }
    }

    private static func payload(_ id: UInt64) -> [UInt8] {
        let message = Message(source: "1", key: "h-chatHub", value: Array(#"{"H":"chatHub","M":"send","A":[]}"#.utf8))
        return Envelope(id: id, body: ScaleoutMessage(messages: [message], createdTicks: 639_309_800_000_000_000))
            .encoded()
    }
}
