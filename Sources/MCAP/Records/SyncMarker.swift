/// Sixteen random bytes, the same in all markers of a file and in no other file.
///
/// Without knowing them, a marker cannot be forged in recorded data.
package struct SyncMarker: Hashable, Sendable {
    /// The first eight bytes, read as a little-endian number.
    package var first: UInt64
    /// The other eight bytes, read as a little-endian number.
    package var second: UInt64

    /// Of given bytes; a file that goes on needs those that it began with.
    package init(first: UInt64, second: UInt64) {
        self.first = first
        self.second = second
    }

    /// For a new file: from the random numbers of the system.
    package static func random() -> SyncMarker {
        SyncMarker(first: .random(in: .min ... .max), second: .random(in: .min ... .max))
    }
}
