import Backplane

/// Assigns several counters of one channel to their databases.
struct CounterPlaces {
    /// By the counter's number.
    private var databases: [Int: Int] = [:]

    /// - Parameters:
    ///   - event: several counters assign ids in turn, with their values if readable.
    ///   - heard: the counters, up to the time of the event.
    mutating func note(_ event: CaptureEvent, heard: [CounterTracker.Heard]) {
        guard let found = event.databases, found.count == heard.count else { return databases = [:] }
        // Matches by rank: both values are from about the same time.
        let places = found.compactMap { name, id in Int(name).map { (database: $0, id: id) } }.sorted { $0.id < $1.id }
        guard places.count == heard.count else { return databases = [:] }
        databases = [:]
        for (counter, place) in zip(heard, places) { databases[counter.number] = place.database }
    }

    /// nil if a single counter assigned the ids.
    func counters(of tracker: CounterTracker) -> CaptureSummary.Counters? {
        let heard = tracker.heard
        guard !heard.isEmpty else { return nil }
        let parts = heard.compactMap { counter in
            databases[counter.number].map {
                CaptureSummary.Counters.Part(
                    database: $0, firstID: counter.ids.lowerBound, lastID: counter.ids.upperBound)
            }
        }
        let isSeparable = parts.count == heard.count && Set(parts.map(\.database)).count == parts.count
        return CaptureSummary.Counters(
            count: max(tracker.counters, heard.count), separable: isSeparable,
            parts: isSeparable ? parts.sorted { $0.database < $1.database } : [])
    }
}
