import Testing

/// The suites of a group run one after another: each test starts several servers and clients.
@Suite("With hub nodes", .serialized)
enum WithHubNodes {}

/// Some that mostly wait, for a browser or for Prometheus, run beside the others, and so do those of the chat page.
@Suite("With hub nodes and browsers", .serialized)
enum WithBrowsers {}

/// Suites of `check` take minutes: one after another they would take longer than all other tests.
@Suite("With hub nodes and check")
enum WithChecks {}
