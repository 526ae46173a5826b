/// Progress of reading, in bytes of the files. Skipped bytes count as read.
package struct CaptureProgress: Sendable, Equatable {
    /// Bytes that are read.
    package internal(set) var done: UInt64
    /// Bytes of all files.
    package let total: UInt64

    package init(done: UInt64 = 0, total: UInt64) {
        self.done = done
        self.total = total
    }
}
