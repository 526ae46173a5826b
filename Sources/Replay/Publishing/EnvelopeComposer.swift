import Backplane
import Redis

/// Composes the publish of an envelope: its id, and its bytes with renamed hubs and new times. Decision logic without
/// I/O.
struct EnvelopeComposer {
    private let ids: ReplayOptions.IDs
    /// Counters of the target's event keys before the first envelope.
    private let counters: OrdinalNameMap<UInt64>
    private let rewriter: EnvelopeRewriter
    private var rebases: OrdinalNameMap<IDRebase> = [:]

    init(_ options: ReplayOptions, counters: OrdinalNameMap<UInt64>) {
        ids = options.ids
        self.counters = counters
        rewriter = EnvelopeRewriter(
            hubs: Self.caseless(options.hubMap), groups: Self.caseless(options.groupMap),
            users: Self.caseless(options.userMap), restamps: options.restamps)
    }

    private static func caseless(_ map: OrdinalNameMap<String>) -> [CaselessName: String] {
        Dictionary(map.map { (CaselessName($0.key), $0.value) }) { first, _ in first }
    }

    /// The id of the next envelope; must be called for every envelope, including skipped ones.
    ///
    /// - Parameters:
    ///   - captured: nil if it has none.
    ///   - channel: the target's.
    /// - Returns: nil if the target assigns it.
    mutating func id(for captured: UInt64?, channel: String) -> UInt64? {
        switch ids {
        case .reissue: return nil
        case .preserve: return captured
        case .rebase:
            var rebase = rebases[channel] ?? IDRebase(counter: counters[channel] ?? 0)
            defer { rebases[channel] = rebase }
            return rebase.id(for: captured)
        }
    }

    /// Writes the publish command.
    ///
    /// - Parameters:
    ///   - payload: as captured.
    ///   - blob: the same without its id.
    ///   - id: as captured.
    ///   - newID: from ``id(for:channel:)``.
    ///   - now: nanoseconds since 1970, if times are replaced.
    func append(
        _ payload: UnsafeRawBufferPointer, blob: UnsafeRawBufferPointer, id: UInt64?, newID: UInt64?,
        channel: String, ordinal: Int, now: @autoclosure () -> UInt64, to batch: inout CommandBatch
    ) {
        if newID == nil, rewriter.changesNothing {
            batch.append(channel: channel, blob: blob, ordinal: ordinal)
        } else if newID == id, rewriter.changesNothing {
            batch.append(channel: channel, blob: payload, id: newID, ordinal: ordinal)
        } else {
            var bytes = newID.map { Array("\($0) ".utf8) } ?? []
            bytes += rewriter.rewritten(blob, now: now())
            bytes.withUnsafeBytes { batch.append(channel: channel, blob: $0, id: newID, ordinal: ordinal) }
        }
    }
}

/// Shifts captured ids so that the first follows the counter. Holes stay holes; after a counter reset or a duplicate
/// the next id is consecutive, because ids of the target must ascend.
///
/// If several counters published in turn, all ids are consecutive, because their distances are meaningless.
struct IDRebase {
    private var tracker = CounterTracker()
    private var last: UInt64

    /// - Parameter counter: of the target.
    init(counter: UInt64) {
        last = counter
    }

    /// - Parameter captured: nil without a valid id: then it is consecutive.
    mutating func id(for captured: UInt64?) -> UInt64 {
        var step: UInt64 = 1
        if let id = captured ?? tracker.lastID.map({ $0 &+ 1 }), case .one(.gap(let from, let to)) = tracker.observe(id)
        {
            step = to - from + 2
        }
        last += step
        return last
    }
}

/// Applies the requested changes to a blob: names of hubs, groups and users, and the creation time.
struct EnvelopeRewriter {
    private static let ticksSize = 8

    /// New hub name by hub name.
    let hubs: [CaselessName: String]
    /// The same for groups and users.
    var groups: [CaselessName: String] = [:]
    var users: [CaselessName: String] = [:]
    let restamps: Bool

    private var renamesNothing: Bool { hubs.isEmpty && groups.isEmpty && users.isEmpty }
    var changesNothing: Bool { renamesNothing && !restamps }

    /// - Parameter now: nanoseconds since 1970.
    /// - Returns: the unchanged blob if it does not decode.
    func rewritten(_ blob: UnsafeRawBufferPointer, now: UInt64) -> [UInt8] {
        guard var body = try? ScaleoutMessage(decoding: blob) else { return Array(blob) }
        if restamps { body.createdTicks = DotNetTicks(unixNanoseconds: Int64(now)).rawValue }
        for index in body.messages.indices where !renamesNothing { rename(&body.messages[index]) }
        return body.encoded()
    }

    private func rename(_ message: inout Message) {
        message.key = renamed(message.key)
        // Commands refer to a group's signal, filters to the signals of excluded recipients.
        if !message.filter.isEmpty {
            // By bytes: a combining mark after the line would belong to its character.
            message.filter = message.filter.utf8.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
                .map { renamed(String(Substring($0))) }.joined(separator: "|")
        }
        if !message.commandID.isEmpty, var command = try? Command(decoding: message.value), let value = command.value {
            command.value = renamed(value)
            if command.value?.isSameOrdinally(as: value) != true { message.value = command.encoded() }
        } else if !hubs.isEmpty {
            message.value = HubRename.renamed(message.value, by: hubs)
        }
    }

    private func renamed(_ key: String) -> String {
        switch Signal(key: key) {
        case .hub(let hub): hubs[CaselessName(hub)].map { Signal.hub($0).key } ?? key
        case .client(let hub, let id):
            hubs[CaselessName(hub)].map { Signal.client(hub: $0, connectionID: id).key } ?? key
        case .group(let hub, let group):
            renamed(key, hub, group, groups[CaselessName(group)]) { Signal.group(hub: $0, group: $1) }
        case .user(let hub, let user):
            renamed(key, hub, user, users[CaselessName(user)]) { Signal.user(hub: $0, userID: $1) }
        case .persistentConnectionGroup(let type, let group):
            groups[CaselessName(group)].map { Signal.persistentConnectionGroup(type: type, group: $0).key } ?? key
        case .connection, .persistentConnection, .ack, .other: key
        }
    }

    private func renamed(
        _ key: String, _ hub: String, _ name: String, _ newName: String?, _ signal: (String, String) -> Signal
    ) -> String {
        let newHub = hubs[CaselessName(hub)]
        return newHub == nil && newName == nil ? key : signal(newHub ?? hub, newName ?? name).key
    }
}
