/// How far a reading has come, in bytes of the files. What need not be read counts as done when it is passed.
public struct CaptureProgress: Sendable, Equatable {
    public internal(set) var done: UInt64
    public let total: UInt64

    public init(done: UInt64 = 0, total: UInt64) {
        self.done = done
        self.total = total
    }
}
