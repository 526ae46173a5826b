/// The type of a metric, named as in both formats.
enum MetricKind: String, Sendable {
    case counter
    case gauge
    case histogram
}
