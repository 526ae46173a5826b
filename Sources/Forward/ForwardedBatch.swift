import Backplane
import Redis

/// A batch as it is forwarded: its envelopes marked, without those that must not be forwarded. Decision logic without I/O.
struct ForwardedBatch {
    /// Without empty ones.
    var chunks: [ForwardChunk] { filling.filter { !$0.isEmpty } }
    /// Envelopes that no node would decode, or that cannot be marked.
    private(set) var undecodable = 0
    /// Envelopes that come from the target.
    private(set) var returned = 0
    /// Envelopes that mean nothing at the target.
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
