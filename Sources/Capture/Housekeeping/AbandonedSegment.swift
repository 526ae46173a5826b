package import Time

/// A segment that its relay could not close.
package enum AbandonedSegment {
    /// Closes it after its last intact chunk, as the next start would.
    ///
    /// - Returns: what was done, as a sentence; nil if nothing was needed, or it is being written.
    /// - Throws: ``CaptureError``; the file is then unchanged.
    package static func close(_ path: String, at now: Moment) throws -> String? {
        try OrphanRecovery.closeIfOrphan(path, at: now)
    }
}
