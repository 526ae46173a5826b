/// Why an envelope of either backplane does not decode.
package enum EnvelopeFault: Error, Equatable, Sendable, CustomStringConvertible {
    case signalR2(EnvelopeError)
    case core(CoreError)

    /// Stable snake_case name, for the `reason` label of metrics.
    package var label: String {
        switch self {
        case .signalR2(let error): error.reason.label
        case .core(let error): error.reason.label
        }
    }

    package var description: String {
        switch self {
        case .signalR2(let error): error.description
        case .core(let error): error.description
        }
    }
}
