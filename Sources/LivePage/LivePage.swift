import Capture
package import Hummingbird
import NIOConcurrencyHelpers
package import Relay
package import Time

/// The live page of a relay: observes its events, reads its counters once a second, and is served on its HTTP surface.
/// The relay does not depend on it.
package struct LivePage: RelayConsumer, WebRoutes {
    private let feed: LiveFeed

    package init(_ configuration: LivePageConfiguration = LivePageConfiguration(), of relay: RelayParts) {
        feed = LiveFeed(configuration, of: relay)
    }

    // MARK: - What it hears

    package func consume(_ event: RelayEvent, at now: Moment) { feed.consume(event, at: now) }
    package func run() async { await feed.run() }
    package func finish() async { feed.pages.shut() }

    // MARK: - What it serves

    package var openPaths: Set<String> { LiveRoutes.openPaths }

    package func add(to router: Router<BasicRequestContext>, _ site: WebSite) {
        LiveRoutes(feed: feed, site: site).add(to: router)
    }

    package func home(for request: Request) -> Response? {
        PageFiles.isWanted(by: request) ? PageFiles.page : nil
    }

    package func login(for request: Request) -> Response? {
        PageFiles.isWanted(by: request) ? PageFiles.login(.unauthorized) : nil
    }

    package func tokenChanged() { feed.pages.closeAll() }
}

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
