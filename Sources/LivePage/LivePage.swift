import Capture
package import Hummingbird
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
