/// Polls until there is a result: for actions of other processes without a notification.
///
/// - Parameter what: named on timeout.
/// - Throws: ``TestFailure`` if the last poll, after `limit`, has no result either, because the test may be late too;
///   errors of `probe`.
@discardableResult
package func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(20), isolation: isolated (any Actor)? = #isolation,
    _ probe: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    while true {
        let asked = ContinuousClock.now
        if let value = try await probe() { return value }
        guard asked < deadline else { throw TestFailure("\(what): not within \(limit)") }
        try await Task.sleep(for: .milliseconds(20))
    }
}
