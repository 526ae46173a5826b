package import Backplane

/// Where a forwarder publishes what comes from a channel.
package struct ForwardRoute: Sendable, Equatable {
    /// The event key of all that is of SignalR 2; nil for the one that it comes from.
    package var channel: String?
    /// Other prefixes and names of hubs, groups and users of ASP.NET Core.
    package var renaming: CoreRenaming

    package init(channel: String? = nil, renaming: CoreRenaming = CoreRenaming()) {
        self.channel = channel
        self.renaming = renaming
    }

    package func target(of source: BackplaneChannel) -> BackplaneChannel {
        switch source {
        case .signalR2(let key): .signalR2(key: channel ?? key)
        case .core(let hub): .core(renaming.target(of: hub))
        }
    }

    /// Where these go, each place once.
    func targets(of sources: [BackplaneChannel]) -> [BackplaneChannel] {
        sources.reduce(into: []) { targets, source in
            let target = target(of: source)
            if !targets.contains(target) { targets.append(target) }
        }
    }
}
