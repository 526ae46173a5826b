package import Backplane
import Capture

/// The forecast for envelopes of ASP.NET Core.
package struct CoreForecast: Sendable {
    /// The destination of a captured hub's envelopes.
    package struct Route: Sendable {
        /// The hub in the capture.
        package let captured: CoreHub
        /// The hub that its envelopes are published for: the same, or a renamed one.
        package let target: CoreHub
        /// Envelopes that would be published.
        package internal(set) var envelopes = 0
        /// Their payload bytes.
        package internal(set) var bytes = 0
        /// Their invocations, by protocol.
        var mix = CoreProtocolMix()

        /// Envelopes with a frame, by protocol.
        package var protocols: [String: Int] { mix.carried }
        /// Envelopes without a frame of a protocol that others of the hub have, by protocol.
        package var lackingProtocol: [String: Int] { mix.lacking }
    }

    private static let lookedForNames = 1_000

    /// By the captured hub's topic.
    package internal(set) var routes: OrdinalNameMap<Route> = [:]
    /// Envelopes that are not published, by kind.
    package internal(set) var leftOut: [CoreLeftOut: Int] = [:]
    /// Envelopes that cannot get the requested frames, by reason.
    package internal(set) var refused: [String: Int] = [:]
    /// Existing names of groups and users, if options refer to any.
    private var groups: Set<OrdinalName> = []
    private var users: Set<OrdinalName> = []
    private(set) var methods: [CaselessName: String] = [:]

    private var composer: CoreComposer
    private let options: ReplayOptions

    init(_ options: ReplayOptions) {
        self.options = options
        composer = CoreComposer(options)
    }

    /// - Returns: bytes of the payload if it would be published, 0 if it is left out or refused; nil if it does not
    ///   decode.
    mutating func note(_ envelope: CapturedEnvelope) -> (isPublished: Bool, bytes: Int)? {
        if routes[envelope.channel] == nil, let hub = envelope.hub {
            routes[envelope.channel] = Route(captured: hub, target: options.renaming.target(of: hub))
        }
        switch composer.outcome(of: envelope) {
        case .undecodable: return nil
        case .leftOut(let reason): leftOut[reason, default: 0] += 1
        case .refused(let reason): refused[reason, default: 0] += 1
        case .publish(let publication):
            routes[envelope.channel]?.envelopes += 1
            routes[envelope.channel]?.bytes += publication.byteCount
            if let view = publication.view {
                routes[envelope.channel]?.mix.note(view, completedBy: options.core.protocols)
            }
            noteNames(envelope)
            return (true, publication.byteCount)
        }
        return (false, 0)
    }

    private mutating func noteNames(_ envelope: CapturedEnvelope) {
        let asks = !options.groupMap.isEmpty || !options.userMap.isEmpty || !options.selection.methods.isEmpty
        guard asks, let view = (try? EnvelopeView(envelope.payload, envelope.form))?.core else { return }
        if !options.groupMap.isEmpty, view.name.kind == .group || view.name.kind == .groupCommand {
            Self.note(view.target, in: &groups)
        }
        if !options.userMap.isEmpty, view.name.kind == .user { Self.note(view.target, in: &users) }
        if !options.selection.methods.isEmpty, let method = view.message?.target?.text,
            methods.count < Self.lookedForNames
        {
            methods[CaselessName(method)] = method
        }
    }

    private static func note(_ name: UnsafeRawBufferPointer?, in names: inout Set<OrdinalName>) {
        guard let name, names.count < lookedForNames else { return }
        names.insert(OrdinalName(String(decoding: name, as: UTF8.self)))
    }

    /// The target's topic by captured topic.
    var topics: OrdinalNameMap<String> { routes.mapValues(\.target.topic) }

    /// The target's hubs, without duplicates.
    var targets: [CoreHub] {
        Set(routes.values.map(\.target)).sorted { $0.root.lexicographicallyPrecedes($1.root) }
    }

    /// Envelopes of all hubs that would be published in one round.
    package var published: Int { routes.values.reduce(0) { $0 + $1.envelopes } }

    /// Whether a given hub name matches one of these.
    package func hasHub(_ name: String) -> Bool {
        routes.values.contains { CoreRenaming.names(name, $0.captured.type) }
    }

    func hasGroup(_ name: String) -> Bool { groups.contains(OrdinalName(name)) || groups.count >= Self.lookedForNames }
    func hasUser(_ name: String) -> Bool { users.contains(OrdinalName(name)) || users.count >= Self.lookedForNames }
    var groupNames: [String] { groups.sorted().map(\.text) }
    var userNames: [String] { users.sorted().map(\.text) }
    var prefixes: [String] { Set(routes.values.map { OrdinalName($0.captured.prefix) }).sorted().map(\.text) }
}

/// The hub protocols of a hub's invocations.
struct CoreProtocolMix: Sendable {
    /// Maximum number of distinct protocols; nodes have one to three.
    private static let limit = 16

    private var names: [[UInt8]] = []
    /// Invocations by set of protocols, one bit each.
    private var sets: [UInt16: Int] = [:]

    /// - Parameter protocols: protocols to be added when it is published.
    mutating func note(_ view: CoreInvocationView, completedBy protocols: [CoreFormat]) {
        var set: UInt16 = 0
        view.forEachFrame { name, _ in set |= bit(of: name) }
        for format in protocols { Array(format.name.utf8).withUnsafeBytes { set |= bit(of: $0) } }
        sets[set, default: 0] += 1
    }

    private mutating func bit(of name: UnsafeRawBufferPointer) -> UInt16 {
        if let index = names.firstIndex(where: { name.elementsEqual($0) }) { return 1 << UInt16(index) }
        guard names.count < Self.limit else { return 0 }
        names.append(Array(name))
        return 1 << UInt16(names.count - 1)
    }

    var carried: [String: Int] { counts { $0 } }
    var lacking: [String: Int] { counts { ~$0 } }

    private func counts(_ of: (UInt16) -> UInt16) -> [String: Int] {
        var counts: [String: Int] = [:]
        for (index, name) in names.enumerated() {
            let count = sets.reduce(0) { of($1.key) & 1 << UInt16(index) != 0 ? $0 + $1.value : $0 }
            if count > 0 { counts[String(decoding: name, as: UTF8.self), default: 0] += count }
        }
        return counts
    }
}
