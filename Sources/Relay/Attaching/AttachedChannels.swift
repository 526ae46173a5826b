package import Backplane
import NIOConcurrencyHelpers

/// The backplane channels of one relay, by channel index of a batch. The list only grows: hubs of ASP.NET Core appear
/// while the relay runs, and the meaning of an index never changes. A hub without nodes keeps its index, and is not
/// watched until it has nodes again.
package final class AttachedChannels: Sendable {
    /// Maximum number of channels; further discovered hubs are not attached.
    package static let limit = 1_000

    private struct State {
        var channels: [BackplaneChannel]
        var names: [String]
        /// Indexes of hubs that are not watched.
        var left: Set<Int> = []

        func index(of hub: CoreHub) -> Int? { channels.firstIndex(of: .core(hub)) }
    }

    private let box: NIOLockedValueBox<State>

    /// - Parameter channels: in any order; event keys get the first indexes.
    package init(_ channels: [BackplaneChannel]) {
        let channels = channels.filter { $0.dialect == .signalR2 } + channels.filter { $0.dialect == .core }
        box = NIOLockedValueBox(State(channels: channels, names: channels.map(\.name)))
    }

    /// By channel index: those attached until now, watched or not. Thread-safe.
    package var all: [BackplaneChannel] { box.withLockedValue { $0.channels } }

    /// Their names, by channel index: the event key, or prefix and type of the hub.
    package var names: [String] { box.withLockedValue { $0.names } }

    /// The event keys of SignalR 2, by channel index: they precede all hubs.
    package var keys: [String] { all.prefix { $0.dialect == .signalR2 }.map(\.name) }

    /// The hubs that are watched now, in the order of their indexes.
    package var watchedHubs: [CoreHub] {
        box.withLockedValue { box in
            box.channels.indices.filter { !box.left.contains($0) }.compactMap { box.channels[$0].hub }
        }
    }

    /// Indexes of hubs that are not watched, because they have no nodes.
    package var left: Set<Int> { box.withLockedValue { $0.left } }

    /// For the log: up to ten names of what is watched, and the number of others.
    package var title: String {
        let (names, isNew) = box.withLockedValue { box in
            (box.names.indices.filter { !box.left.contains($0) }.map { box.names[$0] }, box.names.isEmpty)
        }
        if isNew { return "no hub found yet, new hubs are followed" }
        if names.isEmpty { return "no hub has nodes, new hubs are followed" }
        let more = names.count > 10 ? " and \(names.count - 10) more" : ""
        return names.prefix(10).joined(separator: ", ") + more
    }

    /// - Returns: the indexes of the newly attached hubs, up to the limit.
    func attach(_ hubs: [CoreHub]) -> Range<Int> {
        box.withLockedValue { box in
            let first = box.channels.count
            for channel in hubs.map({ BackplaneChannel.core($0) })
            where box.channels.count < Self.limit && !box.channels.contains(channel) {
                box.channels.append(channel)
                box.names.append(channel.name)
            }
            return first..<box.channels.count
        }
    }

    /// - Returns: the indexes of those hubs that are not watched anymore from now on.
    func leave(_ hubs: [CoreHub]) -> [Int] {
        box.withLockedValue { box in
            hubs.compactMap { box.index(of: $0) }.filter { box.left.insert($0).inserted }
        }
    }

    /// - Returns: the indexes of those hubs that are watched again from now on.
    func reattach(_ hubs: [CoreHub]) -> [Int] {
        box.withLockedValue { box in
            hubs.compactMap { box.index(of: $0) }.filter { box.left.remove($0) != nil }
        }
    }
}
