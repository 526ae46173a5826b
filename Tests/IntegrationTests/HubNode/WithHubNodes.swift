import Testing

/// Suites with hub nodes run one after another: each test starts several servers and clients, and together with the
/// other suites that is enough for two cores.
@Suite("With hub nodes", .serialized)
enum WithHubNodes {}

/// Some that mostly wait, for a browser or for Prometheus, run beside the others, and so do those of the chat page.
@Suite("With hub nodes and browsers", .serialized)
enum WithBrowsers {}

/// Those of `check`, which would make the first group the longest part of the tests.
@Suite("With hub nodes and check", .serialized)
enum WithChecks {}
