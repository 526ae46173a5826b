/// Reads `s-0,1F`, the cursor of a scaled-out node.
enum CursorText {
    /// - Returns: the id of the last envelope before this position; nil for a cursor of another kind.
    static func id(_ cursor: String) -> UInt64? {
        guard cursor.hasPrefix("s-0,") else { return nil }
        return UInt64(cursor.dropFirst(4), radix: 16)
    }
}
