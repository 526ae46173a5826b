import Capture
package import Hummingbird
import NIOConcurrencyHelpers
package import Relay
package import Time

/// The live page of a relay: observes its events, reads its counters once a second, and is served on its HTTP surface.
/// The relay does not depend on it.
package struct LivePage: RelayConsumer, WebRoutes {
    private let feed: LiveFeed

    /// - Parameter relay: its recording, channels and counters are shown.
    package init(_ configuration: LivePageConfiguration = LivePageConfiguration(), of relay: RelayParts) {
        feed = LiveFeed(configuration, of: relay)
    }

    // MARK: - RelayConsumer

    /// Takes events and samples of envelopes for open pages; never blocks the recorder.
    package func consume(_ event: RelayEvent, at now: Moment) { feed.consume(event, at: now) }
    /// Updates the page until the task is cancelled, then closes the streams of open pages.
    package func run() async { await feed.run() }
    /// Closes the streams of open pages; new ones are refused.
    package func finish() async { feed.pages.shut() }

    // MARK: - WebRoutes

    /// Login, logout, and the style sheet of the login form.
    package var openPaths: Set<String> { LiveRoutes.openPaths }

    /// Adds page, scripts, event stream and downloads; login and logout only if the site has sessions.
    package func add(to router: Router<BasicRequestContext>, _ site: WebSite) {
        LiveRoutes(feed: feed, site: site).add(to: router)
    }

    /// The page for a browser; nil for curl and probes.
    package func home(for request: Request) -> Response? {
        PageFiles.isWanted(by: request) ? PageFiles.page : nil
    }

    /// The login form for a browser; nil for others.
    package func login(for request: Request) -> Response? {
        PageFiles.isWanted(by: request) ? PageFiles.login(.unauthorized) : nil
    }

    /// Ends the streams of open pages; browsers reconnect and must show the new token.
    package func tokenChanged() { feed.pages.closeAll() }
}

/// Additional contents of a live page.
package struct LivePageConfiguration: Sendable {
    /// Whether it shows the values of messages: what users wrote.
    package var showsValues: Bool
    /// Shown at the top of the page.
    package var links: LiveLinks
    /// Called once a second; must not block.
    package var onSnapshot: (@Sendable (RelaySnapshot) -> Void)?

    /// - Parameters:
    ///   - showsValues: see ``showsValues``; has no effect if payloads are recorded redacted.
    ///   - links: may change while the relay runs.
    ///   - onSnapshot: see ``onSnapshot``.
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
    /// The text of the link.
    package var title: String
    /// `http` or `https`.
    package var url: String

    /// - Parameter url: `http` or `https`.
    package init(title: String, url: String) {
        self.title = title
        self.url = url
    }
}

/// Links on the live page. They may become known while the relay runs, such as the chat of a hub node.
package final class LiveLinks: Sendable {
    private let links: NIOLockedValueBox<[LiveLink]>

    /// - Parameter links: those known from the start, in the order in which they are shown.
    package init(_ links: [LiveLink] = []) {
        self.links = NIOLockedValueBox(links)
    }

    /// Replaces all links; open pages show the new ones within a second. Thread-safe.
    package func set(_ new: [LiveLink]) { links.withLockedValue { $0 = new } }

    var all: [LiveLink] { links.withLockedValue { $0 } }
}
