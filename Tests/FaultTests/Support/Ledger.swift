import Synchronization

/// All that was published, in the order in which Redis did it: the ground truth. One connection writes it at a time.
final class Ledger: Sendable {
    private let entries = Mutex<[Publication]>([])

    var publications: [Publication] { entries.withLock { $0 } }

    /// Of the latest envelope whose id Redis answered; nil without one.
    var lastID: UInt64? {
        entries.withLock { $0.last { $0.outcome == .done && $0.kind == .envelope && $0.id != nil }?.id }
    }

    var count: Int { entries.withLock { $0.count { $0.outcome == .done && $0.kind != .burnt } } }

    /// - Returns: where it stands.
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

    /// A PUBLISH or an INCR was answered with a number.
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

/// One thing that the test did to the channel or its counter, and what Redis answered.
struct Publication: Sendable {
    enum Kind: Sendable {
        /// Published by SignalR's script.
        case envelope
        /// PUBLISHed by hand: without an id.
        case raw
        /// The counter was moved, and nothing was published.
        case burnt
    }

    enum Outcome: Sendable {
        /// The connection broke before an answer came.
        case unknown
        /// Redis answered with an error: nothing happened.
        case refused
        case done
    }

    let kind: Kind
    /// Bytes that no other publication has: the payload, without the id.
    let blob: [UInt8]
    var outcome = Outcome.unknown
    /// What stands before the blob, or where the counter was moved to; nil without one, or while unknown.
    var id: UInt64?
    /// As Redis published it; nil while unknown.
    var payload: [UInt8]?
}
