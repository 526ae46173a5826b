import Testing

/// Suites with hub nodes run one after another: each test starts several servers and clients, sometimes browsers, and
/// together with the other suites that is enough for two cores.
@Suite("With hub nodes", .serialized)
enum WithHubNodes {}
