/// A server, as far as it can be told from others.
package struct ServerIdentity: Sendable, Equatable, Codable {
    /// Random per process; nil if INFO is not permitted.
    package var runID: String?
    /// `host:port`
    package var endpoint: String

    /// True if it is certain that it has not been restarted, so that nothing it knew is lost.
    func isSameProcess(as other: ServerIdentity) -> Bool {
        runID != nil && runID == other.runID
    }
}
