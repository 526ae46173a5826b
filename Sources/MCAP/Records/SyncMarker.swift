/// Sixteen random bytes, the same in all markers of one file and in no other file.
///
/// Who does not know them cannot forge a marker inside of recorded data.
public struct SyncMarker: Hashable, Sendable {
    public var first: UInt64
    public var second: UInt64

    public init(first: UInt64, second: UInt64) {
        self.first = first
        self.second = second
    }

    public static func random() -> SyncMarker {
        SyncMarker(first: .random(in: .min ... .max), second: .random(in: .min ... .max))
    }
}
