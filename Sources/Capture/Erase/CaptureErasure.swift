import Backplane
import MCAP
package import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Writes captures once more without what concerns one person, segment by segment. The originals stay as they are.
///
/// Chunks in which nothing is to be taken out are copied byte for byte. What was taken out is counted in each new file, as
/// the metadata `capture.erased` and as `erased` events; whom it concerned is not said.
package struct CaptureErasure {
    package struct Outcome: Sendable {
        /// The new files.
        package internal(set) var paths: [String] = []
        /// Envelopes that lost their message, or are gone.
        package internal(set) var removed = 0
        /// Envelopes that lost a name, or one of several messages.
        package internal(set) var changed = 0
        package internal(set) var parts: [ErasedPart: Int] = [:]
        /// Envelopes that stay and have one of the names or texts somewhere in them, as in the arguments of a call.
        package internal(set) var mentions = 0
        /// What could not be read, in words: it is not in the new files.
        package internal(set) var damage: [String] = []
    }

    /// Why captures cannot be erased from.
    package enum Refusal: Error, Equatable, CustomStringConvertible {
        case isRecorded(path: String)
        case sameName(first: String, second: String)
        case hashedNames
        case severalFiles(path: String)

        package var description: String {
            switch self {
            case .isRecorded(let path):
                "a relay records into '\(path)' now: wait until it has begun the next segment, or stop it"
            case .sameName(let first, let second):
                "'\(first)' and '\(second)' have one file name: erase from each capture by itself"
            case .hashedNames:
                "names in this capture are hashes: without their key nobody can find a person in it"
            case .severalFiles(let path):
                "'\(path)' is several files behind each other: separate them by 'recover' first"
            }
        }
    }

    private let capture: CaptureReader
    private let relayVersion: String
    private var eraser: EnvelopeEraser
    private var outcome = Outcome()

    /// - Parameters:
    ///   - person: where names are hashed, their hashes too.
    ///   - hasNamesKey: whether the hashes are among the names.
    /// - Throws: ``Refusal``.
    package init(
        _ capture: CaptureReader, of person: ErasedPerson, hasNamesKey: Bool, relayVersion: String
    ) throws(Refusal) {
        let asksForNames = !person.users.isEmpty || !person.connections.isEmpty
        if asksForNames, !hasNamesKey, capture.sources().contains(where: \.hashesNames) { throw .hashedNames }
        self.capture = capture
        self.relayVersion = relayVersion
        eraser = EnvelopeEraser(person)
    }

    /// Until it is complete it stands in `<directory>.part`; after a failure there is nothing.
    ///
    /// - Parameters:
    ///   - directory: made if it does not exist; must be empty.
    ///   - progress: told by how many bytes of the files the reading has come.
    /// - Throws: ``CaptureError``, ``Refusal``.
    package mutating func write(
        to directory: String, at now: Moment, progress: (UInt64) -> Void = { _ in }
    ) throws -> Outcome {
        var part = directory
        while part.count > 1, part.hasSuffix("/") { part.removeLast() }
        part += ".part"
        // The second one is left of an erasure that was interrupted.
        for path in [directory, part] where !CaptureDirectory.isVacant(path) { throw CaptureError.exists(path: path) }
        try checkNames()
        do {
            try CaptureDirectory.make(part)
            var done: UInt64 = 0
            for segment in capture.segments {
                let before = done
                try write(segment, into: part, at: now) { progress(before + $0) }
                done += segment.size
                progress(done)
            }
            CaptureDirectory.sync(part)
            guard rename(part, directory) == 0 else {
                throw CaptureError.system(operation: "rename '\(part)' to", path: directory, errno: errno)
            }
        } catch {
            CaptureDirectory.discard(part)
            throw error
        }
        outcome.paths = outcome.paths.map { directory + "/" + $0 }
        outcome.parts = eraser.counts
        outcome.mentions = eraser.mentions
        return outcome
    }

    private func checkNames() throws(Refusal) {
        var paths: [String: String] = [:]
        for segment in capture.segments {
            if let first = paths.updateValue(segment.path, forKey: segment.name) {
                throw .sameName(first: first, second: segment.path)
            }
        }
    }

    private mutating func write(
        _ segment: CaptureSegment, into directory: String, at now: Moment, _ progress: (UInt64) -> Void
    ) throws {
        let (source, isLive) = try segment.open()
        if isLive { throw Refusal.isRecorded(path: segment.path) }
        let reader = MCAPStreamReader(source, tailMayGrow: false)
        let before = eraser.counts
        var output = ErasedSegment(name: segment.name, directory: directory)
        while let item = try reader.next() {
            guard reader.fileNumber == 0 else { throw Refusal.severalFiles(path: segment.path) }
            switch item {
            case .header(let header): output.header = header
            case .metadata(let metadata): output.metadata.append(metadata)
            case .chunk(let chunk):
                try output.write(chunk) { eraser.erase($0, $1, receivedAt: $2) }
                progress(chunk.offset + chunk.length)
            case .end: break
            }
        }
        var parts: [ErasedPart: Int] = [:]
        for (part, count) in eraser.counts where count > before[part] ?? 0 { parts[part] = count - (before[part] ?? 0) }
        try output.close(parts: parts, relayVersion: relayVersion, damages: reader.damages.count, at: now)
        outcome.paths.append(segment.name)
        outcome.removed += output.tallies.values.reduce(0) { $0 + $1.removed }
        outcome.changed += output.tallies.values.reduce(0) { $0 + $1.changed }
        outcome.damage += reader.damages.map { "\(segment.path): \($0.finding)" }
    }
}

extension CaptureSegment {
    fileprivate var name: String { path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path }
}
