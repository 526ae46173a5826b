import Backplane
import Capture
import FoundationEssentials
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Maintains a replay's progress, and its checkpoint file if there is one.
///
/// Not thread-safe, like `ReplayRun`.
final class ReplayAccount {
    private let path: String?
    private var checkpoint: ReplayCheckpoint
    private(set) var progress: ReplayProgress
    private var savedAt: UInt64 = 0

    /// - Parameters:
    ///   - checkpoint: the state of the replay.
    ///   - isResumed: whether it came from the file.
    ///   - path: of the file; nil for none.
    init(_ checkpoint: ReplayCheckpoint, isResumed: Bool, path: String?) {
        self.checkpoint = checkpoint
        self.path = path
        progress = ReplayProgress(
            confirmed: checkpoint.confirmed, lastCapturedID: checkpoint.lastCapturedID, lastID: checkpoint.lastID,
            underWay: isResumed ? PublishWindow.limit : 0)
    }

    /// The key at the target that counts published envelopes.
    var progressKey: String { "backplane-relay:replay:\(checkpoint.token)" }
    /// Counters of the target's event keys before the first envelope.
    var counters: OrdinalNameMap<UInt64> { checkpoint.counters }
    /// Published envelopes according to the file, if there is one.
    var saved: Int { checkpoint.confirmed }
    /// Id of the last envelope at the target, as of the last save.
    var lastID: Int64? { checkpoint.lastID }
    var hasFile: Bool { path != nil }

    /// A connection starts.
    ///
    /// - Parameter known: number of published envelopes according to the target; nil if unknown.
    /// - Returns: see ``ReplayProgress/resume(known:isSameProcess:)``.
    func resume(known: Int?, at target: ServerIdentity) -> [UInt64?] {
        defer { checkpoint.target = target }
        return progress.resume(known: known, isSameProcess: checkpoint.target.isSameProcess(as: target))
    }

    /// - Returns: see ``ReplayProgress/mustSend(ordinal:id:)``.
    func mustSend(ordinal: Int, id: UInt64?) -> Bool { progress.mustSend(ordinal: ordinal, id: id) }

    /// - Returns: see ``ReplayProgress/send(_:)``.
    func send(_ id: UInt64?) -> Bool { progress.send(id) }

    func confirm(upTo ordinal: Int, lastID: Int64?) { progress.confirm(upTo: ordinal, lastID: lastID) }

    /// - Returns: see ``ReplayProgress/giveUp()``.
    func giveUp() -> [UInt64?] { progress.giveUp() }

    /// Writes the file, if there is one.
    ///
    /// - Parameter now: monotonic, in nanoseconds.
    /// - Throws: ``ReplayError`` if it cannot be written.
    func save(at now: UInt64, isFinished: Bool = false) throws(ReplayError) {
        checkpoint.confirmed = progress.confirmed
        checkpoint.lastCapturedID = progress.lastCapturedID
        checkpoint.lastID = progress.lastID
        checkpoint.isFinished = isFinished
        savedAt = now
        if let path { try checkpoint.write(path) }
    }

    /// Whether the file is older than this, in nanoseconds.
    func isOlder(than age: UInt64, at now: UInt64) -> Bool { path != nil && now > savedAt + age }
}

/// The progress of a replay in a file, from which another run resumes.
struct ReplayCheckpoint: Codable, Equatable {
    static let format = 1

    var format = Self.format
    /// Identifies this replay at the target.
    var token: String
    /// The server that received the last envelopes.
    var target: ServerIdentity
    /// File names of the segments; later ones may have been added since.
    var segments: [String]
    /// `ReplayOptions.fingerprint`
    var options: String
    /// Counters of the target's event keys before the first envelope.
    var counters: OrdinalNameMap<UInt64>
    /// Envelopes that were published and confirmed.
    var confirmed = 0
    /// Captured id of the last of them.
    var lastCapturedID: UInt64?
    /// Its id at the target.
    var lastID: Int64?
    var isFinished = false

    /// - Returns: nil if there is no such file.
    static func read(_ path: String) throws(ReplayError) -> ReplayCheckpoint? {
        guard access(path, F_OK) == 0 else { return nil }
        do {
            let checkpoint = try JSONDecoder().decode(
                ReplayCheckpoint.self, from: Data(contentsOf: URL(filePath: path)))
            guard checkpoint.format == format else { throw CocoaError(.fileReadCorruptFile) }
            return checkpoint
        } catch {
            throw .checkpoint(
                path: path, reason: "it is not the checkpoint of a replay; name another file, or delete it")
        }
    }

    /// Replaces the previous file atomically: whenever the process ends, one of the two is intact.
    func write(_ path: String) throws(ReplayError) {
        let part = path + ".part"
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
            let bytes = try encoder.encode(self)
            let descriptor = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // A full disk writes only a part.
            let code = written < 0 ? errno : ENOSPC
            close(descriptor)
            guard written == bytes.count else {
                errno = code
                throw CocoaError(.fileWriteUnknown)
            }
            guard rename(part, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        } catch {
            throw .checkpoint(path: path, reason: "cannot be written: \(SystemReason.text(errno))")
        }
    }

    /// Why it does not match this target; nil if it does.
    ///
    /// - Parameter isKnown: whether the target has a record of this replay; after a failover it does.
    func mismatch(target found: ServerIdentity, isKnown: Bool) -> String? {
        if isKnown || target.isSameProcess(as: found) || target.endpoint == found.endpoint { return nil }
        return "it was made for the target \(target.endpoint), and \(found.endpoint) has no record of that replay; "
            + "name that target, or another file"
    }

    /// Why it does not match the replay; nil if it does.
    func mismatch(segments: [String], options: String) -> String? {
        if isFinished { return "this replay is finished; delete the file to replay again" }
        if self.options != options {
            return "it was made with different options for what is published (\(self.options)); now: \(options)"
        }
        if !segments.starts(with: self.segments) {
            return
                "it was made for another capture, or segments of it are gone: it begins with '\(self.segments.first ?? "-")'"
        }
        return nil
    }
}

/// The identity of a server, as far as known.
package struct ServerIdentity: Sendable, Equatable, Codable {
    /// Random per process; nil if INFO is not permitted.
    package var runID: String?
    /// `host:port`
    package var endpoint: String

    /// True if it has certainly not been restarted, so that it has lost no data.
    func isSameProcess(as other: ServerIdentity) -> Bool {
        runID != nil && runID == other.runID
    }
}
