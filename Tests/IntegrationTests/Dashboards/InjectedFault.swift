import TestSupport

/// A fault, the alerts that must fire, and the panels that must change.
struct InjectedFault {
    struct ExpectedAlert: CustomStringConvertible {
        let name: String
        var labels: [String: String] = [:]

        var description: String { name }

        func isFiring(in alerts: [PrometheusServer.Alert]) -> Bool {
            alerts.contains { alert in
                alert.isFiring && alert.labels["alertname"] == name
                    && labels.allSatisfy { alert.labels[$0.key] == $0.value }
            }
        }
    }

    struct ExpectedChange {
        enum Direction {
            case rises
            case falls
            case vanishes
        }

        let dashboard: String
        let panel: String
        var letter = "A"
        /// The labels of the series that must change, as far as given.
        var labels: [String: String] = [:]
        var direction = Direction.rises

        func isSeen(from before: Double?, to after: Double?) -> Bool {
            switch (direction, before, after) {
            // A series that does not exist yet counts as 0.
            case (.rises, let before, let after?): after > before ?? 0
            case (.falls, let before?, let after?): after < before
            case (.vanishes, .some, nil): true
            default: false
            }
        }
    }

    let name: String
    /// Time limit for everything, with a scrape and an evaluation per second.
    var limit = Duration.seconds(30)
    let alerts: [ExpectedAlert]
    let changes: [ExpectedChange]
}

extension InjectedFault {
    /// Injects the fault, and waits until every alert has fired and every panel has changed.
    ///
    /// Prints how long each alert took.
    ///
    /// - Throws: ``TestFailure`` if an alert fired before the fault, or something does not change in time.
    func prove(
        by prometheus: PrometheusServer, queries: [PanelQuery], inject: () async throws -> Void
    ) async throws {
        let before = try await prometheus.alerts()
        for alert in alerts where alert.isFiring(in: before) { throw TestFailure("\(name): \(alert) fires already") }
        var watched: [(change: ExpectedChange, query: PanelQuery, before: Double?)] = []
        for change in changes {
            // Panels of different kinds may share a title: all of them must change.
            let found = queries.filter {
                $0.dashboard == change.dashboard && $0.panel == change.panel && $0.letter == change.letter
            }
            if found.isEmpty { throw TestFailure("no query \(change)") }
            for query in found { watched.append((change, query, try await value(of: query, change, prometheus))) }
        }

        let start = ContinuousClock.now
        try await inject()
        var silent = alerts
        var unchanged = watched.map { (seen: $0, last: Double?.none) }
        do {
            // Both in one loop: a single event leaves the panel after its range, and the alert may be late.
            try await eventually("alerts fire and panels change", within: limit) {
                for index in unchanged.indices.reversed() {
                    let (change, query, before) = unchanged[index].seen
                    unchanged[index].last = try await value(of: query, change, prometheus)
                    if change.isSeen(from: before, to: unchanged[index].last) { unchanged.remove(at: index) }
                }
                let firing = try await prometheus.alerts()
                let seconds = (ContinuousClock.now - start) / .seconds(1)
                silent.removeAll { alert in
                    guard alert.isFiring(in: firing) else { return false }
                    let tenths = (seconds * 10).rounded() / 10
                    print("alert \(alert) fired after \(tenths) s (\(name))")
                    return true
                }
                return silent.isEmpty && unchanged.isEmpty ? true : nil
            }
        } catch {
            let panels = unchanged.map { entry in
                "\(entry.seen.query) \(entry.seen.change.direction) from \(text(entry.seen.before)) to \(text(entry.last))"
            }
            throw TestFailure("\(name): \(error): \(silent) \(panels)")
        }
    }

    /// The present value of the series that must change: the largest, or the smallest if it must fall.
    private func value(
        of query: PanelQuery, _ change: ExpectedChange, _ prometheus: PrometheusServer
    ) async throws -> Double? {
        let values = try await prometheus.query(query.expression).filter { series in
            change.labels.allSatisfy { series.labels[$0.key] ?? $0.value == $0.value }
        }.flatMap(\.values).filter(\.isFinite)
        return change.direction == .falls ? values.min() : values.max()
    }

    private func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "nothing" }
}
