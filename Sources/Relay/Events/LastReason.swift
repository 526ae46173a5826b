/// The last logged reason of a lasting failure, so that it is logged again only if it changes.
struct LastReason {
    private var reason: String?

    /// - Returns: false if the same was logged last.
    mutating func changes(to reason: String) -> Bool {
        defer { self.reason = reason }
        return self.reason != reason
    }

    /// The failure has ended.
    ///
    /// - Returns: false if there was none.
    @discardableResult
    mutating func clear() -> Bool {
        defer { reason = nil }
        return reason != nil
    }
}
