/// Asks again and again until there is an answer: for what another process does and nothing tells of.
///
/// - Parameter what: named if it does not come in time.
/// - Throws: ``TestFailure`` if it was not there when asked after `limit`, for who asks may be late too; what `probe`
///   throws.
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
