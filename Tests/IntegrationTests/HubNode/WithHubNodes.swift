import Testing

/// Everything with hub nodes runs one after another: each test starts several servers and clients, sometimes browsers, and
/// beside the other suites that is enough for two cores.
@Suite("With hub nodes", .serialized)
enum WithHubNodes {}
