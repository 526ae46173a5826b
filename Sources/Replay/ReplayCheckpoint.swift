import FoundationEssentials
import Backplane
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

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
            throw .checkpoint(path: path, reason: "this is no checkpoint of a replay; name another file, or delete it")
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
            throw .checkpoint(path: path, reason: "cannot be written: \(Errno(rawValue: errno))")
        }
    }

    /// Why it does not fit this target; nil if it does.
    ///
    /// - Parameter isKnown: whether the target knows of this replay; one that took over from another does.
    func mismatch(target found: ServerIdentity, isKnown: Bool) -> String? {
        if isKnown || target.isSameProcess(as: found) || target.endpoint == found.endpoint { return nil }
        return "it was made for the target \(target.endpoint), and \(found.endpoint) knows nothing of that replay; "
            + "name that target, or another file"
    }

    /// Why it does not fit what is to be replayed; nil if it does.
    func mismatch(segments: [String], options: String) -> String? {
        if isFinished { return "this replay is finished; delete the file to replay once more" }
        if self.options != options {
            return "it was made with other options, which decide what is published (\(self.options)); now: \(options)"
        }
        if !segments.starts(with: self.segments) {
            return
                "it was made for another capture, or segments of it are gone: it begins with '\(self.segments.first ?? "-")'"
        }
        return nil
    }
}
