import NIOConcurrencyHelpers

/// What a live page shows besides what its relay tells.
package struct LivePageConfiguration: Sendable {
    /// Whether it shows the values of messages: what users wrote.
    package var showsValues: Bool
    package var links: LiveLinks
    /// Called once a second; must not wait.
    package var onSnapshot: (@Sendable (RelaySnapshot) -> Void)?

    package init(
        showsValues: Bool = false, links: LiveLinks = LiveLinks(),
        onSnapshot: (@Sendable (RelaySnapshot) -> Void)? = nil
    ) {
        self.showsValues = showsValues
        self.links = links
        self.onSnapshot = onSnapshot
    }
}

/// A way from the live page to something near it.
package struct LiveLink: Sendable, Equatable {
    package var title: String
    /// `http` or `https`.
    package var url: String

    package init(title: String, url: String) {
        self.title = title
        self.url = url
    }
}

/// Links on the live page, which may become known only while the relay runs: the chat of a hub node, for instance.
package final class LiveLinks: Sendable {
    private let links: NIOLockedValueBox<[LiveLink]>

    package init(_ links: [LiveLink] = []) {
        self.links = NIOLockedValueBox(links)
    }

    package func set(_ new: [LiveLink]) { links.withLockedValue { $0 = new } }

    var all: [LiveLink] { links.withLockedValue { $0 } }
}
