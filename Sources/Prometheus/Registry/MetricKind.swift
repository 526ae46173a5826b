/// What a metric is, under the name that both formats give it.
enum MetricKind: String, Sendable {
    case counter
    case gauge
    case histogram
}
