import Backplane
import Capture
import FoundationEssentials
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Keeps a replay's progress, and its checkpoint's file if it has one.
///
/// For one thread at a time, as `ReplayRun`.
final class ReplayAccount {
    private let path: String?
    private var checkpoint: ReplayCheckpoint
    private(set) var progress: ReplayProgress
    private var savedAt: UInt64 = 0

    /// - Parameters:
    ///   - checkpoint: where the replay stands.
    ///   - isResumed: whether it was in the file.
    ///   - path: of the file; nil for none.
    init(_ checkpoint: ReplayCheckpoint, isResumed: Bool, path: String?) {
        self.checkpoint = checkpoint
        self.path = path
        progress = ReplayProgress(
            confirmed: checkpoint.confirmed, lastCapturedID: checkpoint.lastCapturedID, lastID: checkpoint.lastID,
            underWay: isResumed ? PublishWindow.limit : 0)
    }

    /// The key at the target that counts what was published.
    var progressKey: String { "backplane-relay:replay:\(checkpoint.token)" }
    /// Of the target's event keys, before the first envelope.
    var counters: OrdinalNameMap<UInt64> { checkpoint.counters }
    /// Envelopes that the file, if there is one, says were published.
    var saved: Int { checkpoint.confirmed }
    /// Id that the target gave to the last envelope, when that was saved.
    var lastID: Int64? { checkpoint.lastID }
    var hasFile: Bool { path != nil }

    /// A connection begins.
    ///
    /// - Parameter known: how many envelopes the target says were published; nil if it knows nothing.
    /// - Returns: as ``ReplayProgress/resume(known:isSameProcess:)``.
    func resume(known: Int?, at target: ServerIdentity) -> [UInt64?] {
        defer { checkpoint.target = target }
        return progress.resume(known: known, isSameProcess: checkpoint.target.isSameProcess(as: target))
    }

    /// - Returns: as ``ReplayProgress/mustSend(ordinal:id:)``.
    func mustSend(ordinal: Int, id: UInt64?) -> Bool { progress.mustSend(ordinal: ordinal, id: id) }

    /// - Returns: as ``ReplayProgress/send(_:)``.
    func send(_ id: UInt64?) -> Bool { progress.send(id) }

    func confirm(upTo ordinal: Int, lastID: Int64?) { progress.confirm(upTo: ordinal, lastID: lastID) }

    /// - Returns: as ``ReplayProgress/giveUp()``.
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

    /// Whether the file is that old, in nanoseconds.
    func isOlder(than age: UInt64, at now: UInt64) -> Bool { path != nil && now > savedAt + age }
}

/// How far a replay has come, in a file: whoever starts it again goes on there.
struct ReplayCheckpoint: Codable, Equatable {
    static let format = 1

    var format = Self.format
    /// Names this replay at the target.
    var token: String
    /// The server that the envelopes were sent to last.
    var target: ServerIdentity
    /// File names of the segments; later ones may have come since.
    var segments: [String]
    /// `ReplayOptions.fingerprint`
    var options: String
    /// Counters of the target's event keys before the first envelope.
    var counters: OrdinalNameMap<UInt64>
    /// Envelopes that were published and confirmed.
    var confirmed = 0
    /// Captured id of the last of them.
    var lastCapturedID: UInt64?
    /// Id that the target gave it.
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

    /// Takes the place of the file before in one step: whenever the process ends, one of the two is there whole.
    func write(_ path: String) throws(ReplayError) {
        let part = path + ".part"
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
            let bytes = try encoder.encode(self)
            let descriptor = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // A full disk writes a part.
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

    /// Why it does not fit this target; nil if it does.
    ///
    /// - Parameter isKnown: whether the target knows of this replay; one that took over from another does.
    func mismatch(target found: ServerIdentity, isKnown: Bool) -> String? {
        if isKnown || target.isSameProcess(as: found) || target.endpoint == found.endpoint { return nil }
        return "it was made for the target \(target.endpoint), and \(found.endpoint) has no record of that replay; "
            + "name that target, or another file"
    }

    /// Why it does not fit what is to be replayed; nil if it does.
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
