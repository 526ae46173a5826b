package import Backplane
import NIOConcurrencyHelpers

/// The backplane channels of one relay, by channel index of a batch. It only grows: hubs of ASP.NET Core come while the relay
/// runs, and an index never means anything else than before.
package final class AttachedChannels: Sendable {
    /// Hubs that are found are not attached beyond this number.
    package static let limit = 1_000

    private let box: NIOLockedValueBox<(channels: [BackplaneChannel], names: [String])>

    package init(_ channels: [BackplaneChannel]) {
        box = NIOLockedValueBox((channels, channels.map(\.name)))
    }

    package var all: [BackplaneChannel] { box.withLockedValue { $0.channels } }

    /// Event keys, and prefix and type of hubs.
    package var names: [String] { box.withLockedValue { $0.names } }

    /// - Returns: the index of the new channel; nil if it is attached already, or there are too many.
    func attach(_ channel: BackplaneChannel) -> Int? {
        box.withLockedValue { box in
            guard box.channels.count < Self.limit, !box.channels.contains(channel) else { return nil }
            box.channels.append(channel)
            box.names.append(channel.name)
            return box.channels.count - 1
        }
    }
}
