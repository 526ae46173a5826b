package import Backplane
import NIOConcurrencyHelpers

/// The backplane channels of one relay, by channel index of a batch. The list only grows: hubs of ASP.NET Core appear
/// while the relay runs, and the meaning of an index never changes.
package final class AttachedChannels: Sendable {
    /// Maximum number of channels; further discovered hubs are not attached.
    package static let limit = 1_000

    private let box: NIOLockedValueBox<(channels: [BackplaneChannel], names: [String])>

    /// - Parameter channels: in any order.
    package init(_ channels: [BackplaneChannel]) {
        let channels = channels.filter { $0.dialect == .signalR2 } + channels.filter { $0.dialect == .core }
        box = NIOLockedValueBox((channels, channels.map(\.name)))
    }

    package var all: [BackplaneChannel] { box.withLockedValue { $0.channels } }

    /// Event keys, and prefix and type of hubs.
    package var names: [String] { box.withLockedValue { $0.names } }

    /// The event keys of SignalR 2. They come first: their indexes are the same in the whole list.
    package var keys: [String] { all.prefix { $0.dialect == .signalR2 }.map(\.name) }

    /// For the log: the names, if there are not too many.
    package var title: String {
        let names = names
        if names.isEmpty { return "no hub found yet, new hubs are followed" }
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
}
