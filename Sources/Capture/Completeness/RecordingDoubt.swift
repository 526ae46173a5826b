/// It is unknown whether ids after the last one of a channel are missing.
package struct RecordingDoubt: Sendable, Equatable, Codable {
    /// Why it is unknown.
    package enum Reason: String, Sendable, Codable {
        /// The ACL does not permit `GET` on the event key.
        case counterNotPermitted = "counter_not_permitted"
        /// There is no such key: nothing was published yet, or the nodes use another database.
        case counterMissing = "counter_missing"
        case counterNotANumber = "counter_not_a_number"
        /// Redis did not answer in time.
        case redisAway = "redis_away"
        /// The counter is below received ids: it was set back, or belongs to another database.
        case counterInconsistent = "counter_inconsistent"
        /// The counter was set back; its previous value is unknown.
        case counterReset = "counter_reset"
        /// The connection was lost, and nothing has arrived since.
        case connectionLost = "connection_lost"
        /// Recording paused because disk space was low, and nothing has arrived since.
        case diskLow = "disk_low"
        /// A relay is writing the segment.
        case recording = "being_recorded"
        /// The segment was never closed: its relay was killed, or could no longer write.
        case unclosed = "not_closed"
        /// Written by another program, or by a version that did not compare with the counter.
        case notCompared = "not_compared_with_the_counter"

        /// For people.
        package var text: String {
            switch self {
            case .counterNotPermitted: "Redis does not permit GET of the event key"
            case .counterMissing: "the counter key does not exist; is the database right?"
            case .counterNotANumber: "the counter key does not hold a number"
            case .redisAway: "Redis did not answer"
            case .counterInconsistent: "the counter is below ids that were received; is the database right?"
            case .counterReset: "the counter was set back"
            case .connectionLost: "the connection to Redis was lost, and nothing has arrived since"
            case .diskLow: "recording paused because disk space was low, and nothing has arrived since"
            case .recording: "a relay is recording"
            case .unclosed: "the last segment was not closed"
            case .notCompared: "the recording was not compared with the counter at its end"
            }
        }
    }

    /// The last id that is accounted for: recorded, or reported missing; nil if there is none.
    package var after: UInt64?
    /// Why it cannot be told.
    package var reason: Reason
    /// Why ids would be missing, as in a `gap` event; nil if the recording was not disturbed.
    package var cause: String?

    package init(after: UInt64?, reason: Reason, cause: String? = nil) {
        self.after = after
        self.reason = reason
        self.cause = cause
    }

    /// As a sentence for `info`.
    package var text: String {
        let place = after.map { "ids may be missing after \($0)" } ?? "ids may be missing"
        return "\(place): \(reason.text)"
    }
}
