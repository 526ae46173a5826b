package import Time

/// A segment that its relay could not close.
package enum AbandonedSegment {
    /// Closes it behind its last whole chunk, as the next start would.
    ///
    /// - Returns: what was done, in words; nil if it needed nothing, or is being written.
    /// - Throws: ``CaptureError``; then the file is as it was.
    package static func close(_ path: String, at now: Moment) throws -> String? {
        try OrphanRecovery.closeIfOrphan(path, at: now)
    }
}
