import Synchronization

/// Everything that was published, in the order of execution by Redis: the ground truth. Written by one connection at a
/// time.
final class Ledger: Sendable {
    private let entries = Mutex<[Publication]>([])

    var publications: [Publication] { entries.withLock { $0 } }

    /// The id of the latest envelope, from Redis' reply; nil without one.
    var lastID: UInt64? {
        entries.withLock { $0.last { $0.outcome == .done && $0.kind == .envelope && $0.id != nil }?.id }
    }

    var count: Int { entries.withLock { $0.count { $0.outcome == .done && $0.kind != .burnt } } }

    /// - Returns: its index.
    func begin(_ kind: Publication.Kind, blob: [UInt8]) -> Int {
        entries.withLock {
            $0.append(Publication(kind: kind, blob: blob))
            return $0.count - 1
        }
    }

    func complete(_ index: Int, outcome: Publication.Outcome, id: UInt64?, payload: [UInt8]?) {
        entries.withLock {
            $0[index].outcome = outcome
            $0[index].id = id
            $0[index].payload = payload
        }
    }

    /// The reply to a PUBLISH or INCR was a number.
    func complete(_ index: Int, outcome: Publication.Outcome, number: Int64?) {
        entries.withLock {
            $0[index].outcome = outcome
            switch $0[index].kind {
            case .raw: $0[index].payload = $0[index].blob
            case .burnt, .envelope: $0[index].id = number.map { UInt64($0) }
            }
        }
    }
}

/// One operation of the test on the channel or its counter, and Redis' reply.
struct Publication: Sendable {
    enum Kind: Sendable {
        /// Published by SignalR's script.
        case envelope
        /// Published with PUBLISH: without an id.
        case raw
        /// The counter was changed, without a publication.
        case burnt
    }

    enum Outcome: Sendable {
        /// The connection failed before the reply.
        case unknown
        /// Redis replied with an error: nothing happened.
        case refused
        case done
    }

    let kind: Kind
    /// The payload without the id; unique to this publication.
    let blob: [UInt8]
    var outcome = Outcome.unknown
    /// The id before the blob, or the new value of the counter; nil without one, or while unknown.
    var id: UInt64?
    /// The payload as published by Redis; nil while unknown.
    var payload: [UInt8]?
}
