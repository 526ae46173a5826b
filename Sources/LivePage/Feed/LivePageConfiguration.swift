import NIOConcurrencyHelpers

/// Additional contents of a live page.
package struct LivePageConfiguration: Sendable {
    /// Whether it shows the values of messages: what users wrote.
    package var showsValues: Bool
    package var links: LiveLinks
    /// Called once a second; must not block.
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

/// A link on the live page to something related.
package struct LiveLink: Sendable, Equatable {
    package var title: String
    /// `http` or `https`.
    package var url: String

    package init(title: String, url: String) {
        self.title = title
        self.url = url
    }
}

/// Links on the live page. They may become known while the relay runs, such as the chat of a hub node.
package final class LiveLinks: Sendable {
    private let links: NIOLockedValueBox<[LiveLink]>

    package init(_ links: [LiveLink] = []) {
        self.links = NIOLockedValueBox(links)
    }

    package func set(_ new: [LiveLink]) { links.withLockedValue { $0 = new } }

    var all: [LiveLink] { links.withLockedValue { $0 } }
}
