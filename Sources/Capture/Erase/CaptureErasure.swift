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

/// Whom an erasure concerns, by what stands in a capture of them.
package struct ErasedPerson: Sendable, Equatable {
    /// Names of users and ids of connections, as they are and as a capture may have them hashed. SignalR 2 compares them
    /// without case, ASP.NET Core byte for byte.
    package var users: [String]
    package var connections: [String]
    /// Texts anywhere in an envelope, as they are or as JSON escapes them.
    package var texts: [String]

    package init(users: [String] = [], connections: [String] = [], texts: [String] = []) {
        self.users = users
        self.connections = connections
        self.texts = texts
    }
}

/// What an erasure took out, by what it was. A stable snake_case name each.
package enum ErasedPart: String, Sendable, CaseIterable {
    /// To the user.
    case user
    /// To the connection.
    case connection
    /// Sent by the connection.
    case sent
    /// The connection joins or leaves a group, or a client result is asked of it.
    case command
    /// The answer to such a command or call.
    case answer
    /// It has a text that was asked for.
    case matching
    /// It does not decode, and a name is in its bytes.
    case undecodable
    /// The connection or user among those that do not get it: the name was replaced, the envelope stays.
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
    /// Of the events that say how much of a channel was erased.
    package static let erasedName = "erased"

    /// What an erasure did to a channel, an event for each of the two; none for nothing.
    static func erased(channel: String, removed: Int, changed: Int) -> [CaptureEvent] {
        [(ErasedEnvelopes.removedReason, removed), (ErasedEnvelopes.changedReason, changed)]
            .filter { $0.1 > 0 }
            .map { reason, count in
                var event = CaptureEvent(event: erasedName, channel: channel)
                event.envelopes = count
                event.reason = reason
                return event
            }
    }
}

/// How many envelopes of a capture were erased, for privacy; no loss of the recording.
package struct ErasedEnvelopes: Sendable, Equatable, Encodable {
    static let removedReason = "removed"
    static let changedReason = "changed"

    /// They lost their message, or are gone.
    package var removed = 0
    /// A name was taken out of them.
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
