package import Backplane
import NIOConcurrencyHelpers
package import Prometheus

/// What is seen of the backplanes, and the subscription to them.
package struct ObservingMetrics: Sendable {
    let reconnects: Counter
    private let families: ChannelMetrics.Families
    private let attached: NIOLockedValueBox<[ChannelMetrics]>

    package init(_ registry: Registry, channels: [BackplaneChannel]) {
        let families = ChannelMetrics.Families(registry)
        self.families = families
        attached = NIOLockedValueBox(channels.map { ChannelMetrics(families, $0) })
        reconnects = registry.counter(
            "backplane_relay_reconnects_total",
            help: "Resubscriptions after a lost connection; envelopes published in between were missed.")
    }

    /// By channel index, those that are attached by now; from any thread.
    package var channels: [ChannelMetrics] { attached.withLockedValue { $0 } }

    /// Metrics for a channel that comes while the relay runs, under the next channel index; from any thread. For one that is
    /// attached already those that it has: it does not matter who asks first.
    @discardableResult
    package func attach(_ channel: BackplaneChannel) -> ChannelMetrics {
        attached.withLockedValue { attached in
            if let known = attached.first(where: { $0.source == channel }) { return known }
            let metrics = ChannelMetrics(families, channel)
            attached.append(metrics)
            return metrics
        }
    }
}
