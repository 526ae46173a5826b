package import Capture

/// What becomes of closed segments, and when recording must pause.
package struct HousekeepingPolicy: Sendable {
    /// Bytes that must stay free on the file system; 0 for none.
    package var minimumFree: UInt64
    package var retention: RetentionPolicy
    package var archive: ArchiveCommand?
    /// For how long one run of the archive command may go on.
    package var archiveTimeout: Duration

    package init(
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
