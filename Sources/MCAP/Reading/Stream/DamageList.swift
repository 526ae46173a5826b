/// The damage found so far, in file order.
struct DamageList {
    private(set) var all: [Damage] = []

    var isEmpty: Bool { all.isEmpty }
    var count: Int { all.count }
    /// True if messages are or may be lost.
    var hasLosses: Bool { all.contains { $0.messagesLost != 0 } }

    /// - Returns: the index of the damage, for ``setLoss(_:at:)``.
    @discardableResult
    mutating func report(at offset: UInt64, length: UInt64, _ reason: Damage.Reason, lost: Int?) -> Int {
        all.append(Damage(offset: offset, length: length, reason: reason, messagesLost: lost))
        return all.count - 1
    }

    mutating func setLoss(_ messages: Int, at index: Int) { all[index].messagesLost = messages }

    /// Removes what was reported as unreadable from `offset` on: its extent was wrong.
    ///
    /// - Returns: the first that was removed.
    mutating func takeBack(from offset: UInt64) -> Damage? {
        var first: Damage?
        all.removeAll { damage in
            guard damage.offset >= offset, damage.unreadBytes > 0 else { return false }
            first = first ?? damage
            return true
        }
        return first
    }

    /// If only one loss is unknown, it is what remains of `total`.
    ///
    /// - Parameters:
    ///   - total: messages of the file.
    ///   - read: those that were read.
    mutating func settleLoss(ofTotal total: UInt64, read: UInt64) {
        let unknown = all.indices.filter { all[$0].messagesLost == nil }
        // `total` is whatever the file says, and so are losses that it explained before.
        let explained = all.reduce(read) { sum, damage in
            let (next, isTooLarge) = sum.addingReportingOverflow(UInt64(damage.messagesLost ?? 0))
            return isTooLarge ? .max : next
        }
        if unknown.count == 1, total >= explained { all[unknown[0]].messagesLost = Int(clamping: total - explained) }
    }
}
