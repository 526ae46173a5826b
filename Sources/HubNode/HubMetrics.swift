import Prometheus
import Redis

/// Metrics of a hub node. Series known in advance exist from the start, at 0.
final class HubMetrics: Sendable {
    let registry = Registry()
    let up: Gauge
    let invocations: Family<Counter>
    let invocationErrors: Family<Counter>
    let results: Counter
    let delivered: Counter
    let published: Counter
    let publishErrors: Counter
    let missedIDs: Counter
    private let counterResets, formerCounterResets: Counter
    let undecodable: Counter
    let oversizedEnvelopes: Counter
    let slowClients: Counter
    let incompleteResumes: Counter
    let missingAcknowledgements: Counter
    let initializingSeconds: Histogram
    let storedEnvelopes: Gauge
    let storedBytes: Gauge
    let missingProtocols: Counter
    let coreUp: Gauge
    let coreGaps: Counter
    let coreGapDisconnects: Counter
    let statefulReconnects: Counter
    let coreResultsWaiting: Gauge
    let missingResults: Counter
    private let coreConnectionGauges: Family<Gauge>
    private let connectionGauges: [TransportKind: Gauge]
    private let refusals: [Refusal: Counter]
    /// By result.
    private let renewals: [String: Counter]

    /// Why a request was refused.
    enum Refusal: String, CaseIterable {
        case badToken = "bad_token"
        case userChanged = "user_changed"
        case unknownHub = "unknown_hub"
        case protocolError = "protocol_error"
        case tooLarge = "too_large"
        case draining
    }

    /// - Parameters:
    ///   - joinsSignalR2: whether the node joins that backplane; without it there are no such series.
    ///   - joinsCore: the same for ASP.NET Core.
    init(version: String, joinsSignalR2: Bool = true, joinsCore: Bool = true) {
        up =
            joinsSignalR2
            ? registry.gauge(
                "backplane_relay_hub_up",
                help:
                    "1 while the node receives from the backplane and can publish; while 0, clients receive nothing. Check Redis."
            ) : Gauge()
        let logins = registry.counterFamily(
            "backplane_relay_credential_renewals_total", help: LoginNews.help, labels: ["result"])
        renewals = Dictionary(uniqueKeysWithValues: LoginNews.labels.map { ($0, logins.with($0)) })
        let connections = registry.gaugeFamily(
            "backplane_relay_hub_connections",
            help: "Clients of this node, including those that are reconnecting.", labels: ["transport"])
        connectionGauges = Dictionary(
            uniqueKeysWithValues: TransportKind.allCases.map { ($0, connections.with($0.rawValue)) })
        invocations = registry.counterFamily(
            "backplane_relay_hub_invocations_total", help: "Calls of hub methods by clients.",
            labels: ["hub", "method"],
            limit: ChildLimit(maximumChildren: 100))
        invocationErrors = registry.counterFamily(
            "backplane_relay_hub_invocation_errors_total",
            help: "Calls that were answered with an error; the log says why.", labels: ["hub", "method"],
            limit: ChildLimit(maximumChildren: 100))
        results = registry.counter(
            "backplane_relay_hub_results_total", help: "Calls of hub methods that were answered without an error.")
        delivered = registry.counter(
            "backplane_relay_hub_messages_delivered_total",
            help: "Messages written to clients: one message to ten clients counts ten.")
        published = registry.counter(
            "backplane_relay_hub_published_total", help: "Envelopes that this node published.")
        publishErrors = registry.counter(
            "backplane_relay_hub_publish_errors_total",
            help: "Envelopes that could not be published: no client received them. Check Redis.")
        missedIDs = registry.counter(
            "backplane_relay_hub_missed_ids_total",
            help: "Envelopes that this node never received: its clients missed their messages.")
        counterResets = registry.counter(
            "backplane_relay_hub_counter_resets_total",
            help: "Times the counter was set back (restart, failover, flush of Redis).")
        formerCounterResets = registry.counter(
            "backplane_relay_hub_id_resets_total",
            help: "Deprecated, and gone in the next version: read backplane_relay_hub_counter_resets_total.")
        undecodable = registry.counter(
            "backplane_relay_hub_undecodable_total",
            help: "Payloads that are not SignalR 2 envelopes: does something else publish on the event key?")
        oversizedEnvelopes = registry.counter(
            "backplane_relay_hub_oversized_envelopes_total",
            help:
                "Envelopes dropped because they are larger than this node accepts: its clients missed them. Which node sends such large ones?"
        )
        slowClients = registry.counter(
            "backplane_relay_hub_slow_clients_total",
            help:
                "Clients disconnected because too much waited for them. Those of SignalR 2 reconnect from their cursor; those of ASP.NET Core miss what waited."
        )
        incompleteResumes = registry.counter(
            "backplane_relay_hub_incomplete_resumes_total",
            help:
                "Clients that reconnected for envelopes that this node does not have: it was restarted, was cut off from Redis, discarded them, or the counter was set back. They may have missed messages."
        )
        missingAcknowledgements = registry.counter(
            "backplane_relay_hub_acks_missing_total",
            help:
                "Group changes that no node acknowledged in time: the node of the connection is cut off from Redis, or gone."
        )
        initializingSeconds = registry.histogram(
            "backplane_relay_hub_initializing_seconds",
            help: "Round trip through the backplane of the command that confirms a new connection.",
            buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5])
        storedEnvelopes = registry.gauge(
            "backplane_relay_hub_stored_envelopes", help: "Past envelopes kept for clients that reconnect.")
        storedBytes = registry.gauge(
            "backplane_relay_hub_stored_bytes", help: "Memory of the envelopes kept for clients that reconnect.")
        coreUp =
            joinsCore
            ? registry.gauge(
                "backplane_relay_hub_core_up",
                help:
                    "1 while the node receives from the ASP.NET Core backplane and can publish on it, for each of its hubs. Check Redis."
            ) : Gauge()
        coreConnectionGauges = registry.gaugeFamily(
            "backplane_relay_hub_core_connections",
            help: "Clients of ASP.NET Core SignalR at this node, by hub protocol.", labels: ["protocol"])
        for name in ["json", "messagepack"] { _ = coreConnectionGauges.with(name) }
        coreGaps = registry.counter(
            "backplane_relay_hub_core_gaps_total",
            help:
                "Times the node's subscription on the ASP.NET Core backplane was lost and restored: its clients missed what was published meanwhile. Check Redis."
        )
        coreGapDisconnects = registry.counter(
            "backplane_relay_hub_core_gap_disconnects_total",
            help: "Clients asked to reconnect after such a gap; by default none are.")
        statefulReconnects = registry.counter(
            "backplane_relay_hub_core_stateful_reconnects_total",
            help: "New webSockets that replaced broken ones: the client missed nothing.")
        coreResultsWaiting = registry.gauge(
            "backplane_relay_hub_core_results_waiting",
            help: "Client results that hub methods are waiting for. There is no timeout.")
        missingResults = registry.counter(
            "backplane_relay_hub_core_results_missing_total",
            help:
                "Client results that did not arrive: no node has the connection, it ended, or the method was cancelled."
        )
        missingProtocols = registry.counter(
            "backplane_relay_hub_missing_protocol_disconnects_total",
            help:
                "Clients disconnected because a message did not contain their hub protocol: enable the same protocols on all nodes."
        )
        let refusals = registry.counterFamily(
            "backplane_relay_hub_refused_requests_total", help: "Requests refused, by reason.", labels: ["reason"])
        self.refusals = Dictionary(uniqueKeysWithValues: Refusal.allCases.map { ($0, refusals.with($0.rawValue)) })
        registry.registerProcess(version: version)
    }

    func connections(_ transport: TransportKind) -> Gauge {
        connectionGauges[transport] ?? Gauge()
    }

    func countCounterReset() {
        counterResets.increment()
        formerCounterResets.increment()
    }

    /// - Parameter name: of the hub protocol.
    func coreConnections(_ name: String) -> Gauge { coreConnectionGauges.with(name) }

    func renewed(_ news: LoginNews) { renewals[news.label]?.increment() }

    func refused(_ reason: Refusal) {
        refusals[reason]?.increment()
    }
}
