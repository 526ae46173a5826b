/// Sixteen random bytes, the same in all markers of a file and in no other file.
///
/// Without knowing them, a marker cannot be forged in recorded data.
package struct SyncMarker: Hashable, Sendable {
    package var first: UInt64
    package var second: UInt64

    package init(first: UInt64, second: UInt64) {
        self.first = first
        self.second = second
    }

    package static func random() -> SyncMarker {
        SyncMarker(first: .random(in: .min ... .max), second: .random(in: .min ... .max))
    }
}
