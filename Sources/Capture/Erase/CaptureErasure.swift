import Backplane
import MCAP
package import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Copies a capture without the data of one person, segment by segment. The originals stay unchanged.
///
/// Chunks without data of the person are copied byte for byte. Each new file contains counts of the erased data, in the
/// metadata `capture.erased` and as `erased` events, but not the person's identity.
package struct CaptureErasure {
    /// What was written and what was taken out.
    package struct Outcome: Sendable {
        /// The new files.
        package internal(set) var paths: [String] = []
        /// Envelopes that were removed, or whose messages were.
        package internal(set) var removed = 0
        /// Envelopes in which a name was replaced, or some of several messages removed.
        package internal(set) var changed = 0
        /// What was taken out, by its role; ``removed`` and ``changed`` count whole envelopes instead.
        package internal(set) var parts: [ErasedPart: Int] = [:]
        /// Remaining envelopes that still contain one of the names or texts, for example in the arguments of a call.
        package internal(set) var mentions = 0
        /// What could not be read, in words: it is not in the new files.
        package internal(set) var damage: [String] = []
    }

    /// Why nothing can be erased from a capture.
    package enum Refusal: Error, Equatable, CustomStringConvertible {
        case isRecorded(path: String)
        case sameName(first: String, second: String)
        case hashedNames
        case severalFiles(path: String)

        package var description: String {
            switch self {
            case .isRecorded(let path):
                "a relay is recording into '\(path)': stop it, or name only closed segments instead of the directory"
            case .sameName(let first, let second):
                "'\(first)' and '\(second)' have one file name: erase from each capture by itself"
            case .hashedNames:
                "names in this capture are hashes: without their key nobody can find a person in it"
            case .severalFiles(let path):
                "'\(path)' is several files joined end to end: separate them with 'recover' first"
            }
        }
    }

    private let capture: CaptureReader
    private let relayVersion: String
    private var eraser: EnvelopeEraser
    private var outcome = Outcome()

    /// - Parameters:
    ///   - person: for a capture with hashed names, including the hashes of the names.
    ///   - hasNamesKey: whether `person` includes the hashes.
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

    /// The copy is written to `<directory>.part` until it is complete; after a failure nothing remains.
    ///
    /// - Parameters:
    ///   - directory: created if it does not exist; must be empty.
    ///   - progress: receives the number of bytes read from all files so far.
    /// - Throws: ``CaptureError``, ``Refusal``.
    package mutating func write(
        to directory: String, at now: Moment, progress: (UInt64) -> Void = { _ in }
    ) throws -> Outcome {
        var part = directory
        while part.count > 1, part.hasSuffix("/") { part.removeLast() }
        part += ".part"
        // An interrupted erasure leaves the second one.
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

/// The person whose data is erased: the names and texts that identify them in a capture.
package struct ErasedPerson: Sendable, Equatable {
    /// User ids, plain and, for a capture with hashed names, hashed. SignalR 2 ignores case; ASP.NET Core compares
    /// bytes.
    package var users: [String]
    /// Ids of connections, plain and hashed as above.
    package var connections: [String]
    /// Texts anywhere in an envelope, plain or as escaped in JSON.
    package var texts: [String]

    /// At least one of the lists must not be empty, or nothing is erased.
    package init(users: [String] = [], connections: [String] = [], texts: [String] = []) {
        self.users = users
        self.connections = connections
        self.texts = texts
    }
}

/// Why something was erased. The raw values are stable snake_case names.
package enum ErasedPart: String, Sendable, CaseIterable {
    /// It is for the user.
    case user
    /// It is for the connection.
    case connection
    /// Sent by the connection.
    case sent
    /// A command that adds the connection to a group or removes it, or a request for the connection's result.
    case command
    /// The answer to such a command or call.
    case answer
    /// It contains one of the texts.
    case matching
    /// It does not decode and its bytes contain a name or text.
    case undecodable
    /// The connection or user is excluded from the recipients: the name was replaced, the envelope stays.
    case excluded

    /// For people.
    package var text: String {
        switch self {
        case .user: "to the user"
        case .connection: "to the connection"
        case .sent: "sent by the connection"
        case .command: "commands about the connection"
        case .answer: "answers to them"
        case .matching: "with the text"
        case .undecodable: "undecodable, with the name in them"
        case .excluded: "that exclude the connection or user (name replaced)"
        }
    }
}

extension CaptureEvent {
    /// Name of the events that count what was erased from a channel.
    package static let erasedName = Kind.erased.rawValue

    /// Up to two events, for the removed and the changed envelopes of a channel; a count of 0 gives none.
    static func erased(channel: String, removed: Int, changed: Int) -> [CaptureEvent] {
        [(ErasedEnvelopes.removedReason, removed), (ErasedEnvelopes.changedReason, changed)]
            .filter { $0.1 > 0 }
            .map { reason, count in
                var event = CaptureEvent(.erased, channel: channel)
                event.envelopes = count
                event.reason = reason
                return event
            }
    }
}

/// Envelopes erased from a capture, for privacy. They do not count as lost.
package struct ErasedEnvelopes: Sendable, Equatable, Encodable {
    fileprivate static let removedReason = "removed"
    fileprivate static let changedReason = "changed"

    /// Envelopes that were removed, or whose messages were.
    package var removed = 0
    /// Envelopes in which a name was replaced.
    package var changed = 0

    func noting(_ event: CaptureEvent) -> ErasedEnvelopes {
        var noted = self
        switch event.reason {
        case Self.removedReason: noted.removed += max(0, event.envelopes ?? 0)
        case Self.changedReason: noted.changed += max(0, event.envelopes ?? 0)
        default: break
        }
        return noted
    }
}
