/// A place in a server's replication stream.
package struct ReplicationPosition: Sendable, Hashable, CustomStringConvertible {
    /// Which history the offset counts in: `master_replid`, 40 hexadecimal digits. A promoted replica continues its
    /// master's history under a new name.
    package var history: String
    /// Bytes of the stream up to here, as the server counts them: `master_repl_offset`. Never inside a command.
    package var offset: Int64

    /// - Parameters: as the properties of the same names.
    package init(history: String, offset: Int64) {
        self.history = history
        self.offset = offset
    }

    /// `history:offset`.
    package var description: String { "\(history):\(offset)" }
}
