import NIOConcurrencyHelpers

/// A way from the live page to something near it.
public struct LiveLink: Sendable, Equatable {
    public var title: String
    /// `http` or `https`.
    public var url: String

    public init(title: String, url: String) {
        self.title = title
        self.url = url
    }
}

/// Links on the live page, which may become known only while the relay runs: the chat of a hub node, for instance.
public final class LiveLinks: Sendable {
    private let links: NIOLockedValueBox<[LiveLink]>

    public init(_ links: [LiveLink] = []) {
        self.links = NIOLockedValueBox(links)
    }

    public func set(_ new: [LiveLink]) { links.withLockedValue { $0 = new } }

    var all: [LiveLink] { links.withLockedValue { $0 } }
}
