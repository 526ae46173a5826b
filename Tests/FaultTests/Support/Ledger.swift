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
