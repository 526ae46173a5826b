public import Capture

/// What becomes of closed segments, and when recording must pause.
public struct HousekeepingPolicy: Sendable {
    /// Bytes that must stay free on the file system; 0 for none.
    public var minimumFree: UInt64
    public var retention: RetentionPolicy
    public var archive: ArchiveCommand?
    /// For how long one run of the archive command may go on.
    public var archiveTimeout: Duration

    public init(
        minimumFree: UInt64 = 0, retention: RetentionPolicy = RetentionPolicy(), archive: ArchiveCommand? = nil,
        archiveTimeout: Duration = .seconds(600)
    ) {
        self.minimumFree = minimumFree
        self.retention = retention
        self.archive = archive
        self.archiveTimeout = archiveTimeout
        self.retention.needsArchive = archive != nil
    }
}
