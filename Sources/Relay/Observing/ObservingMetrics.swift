package import Backplane
import NIOConcurrencyHelpers
package import Prometheus

/// Metrics of the observed backplanes and the subscription.
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

    /// By channel index, the currently attached channels; thread-safe.
    package var channels: [ChannelMetrics] { attached.withLockedValue { $0 } }

    /// Metrics for a channel added while the relay runs, under the next channel index; thread-safe. Returns the
    /// existing metrics if it is already attached, so the order of callers does not matter.
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
