extension CaptureSummary.Channel {
    enum CodingKeys: String, CodingKey {
        case channel, envelopes, bytes, messages, undecodable, oddities
        case smallest = "smallest_bytes"
        case largest = "largest_bytes"
        case firstID = "first_id"
        case lastID = "last_id"
        case missingIDs = "missing_ids"
        case holes
        case holeCount = "hole_count"
        case duplicateIDs = "duplicate_ids"
        case counterResets = "counter_resets"
        case mayBeMissing = "may_be_missing"
        case counters
        case backplane, core
        case isComplete = "complete"
        case incompleteness = "completeness"
    }

    /// Leaves out members that the wire does not have.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(channel, forKey: .channel)
        try container.encode(envelopes, forKey: .envelopes)
        try container.encode(bytes, forKey: .bytes)
        try container.encode(messages, forKey: .messages)
        try container.encode(undecodable, forKey: .undecodable)
        try container.encode(oddities, forKey: .oddities)
        try container.encode(smallest, forKey: .smallest)
        try container.encode(largest, forKey: .largest)
        if let core {
            try container.encode("core", forKey: .backplane)
            try container.encode(core, forKey: .core)
            if let isComplete = core.replication?.isComplete {
                try container.encode(isComplete, forKey: .isComplete)
            } else {
                try container.encodeNil(forKey: .isComplete)
            }
            try container.encode(core.completeness, forKey: .incompleteness)
            return
        }
        try container.encodeIfPresent(firstID, forKey: .firstID)
        try container.encodeIfPresent(lastID, forKey: .lastID)
        try container.encode(missingIDs, forKey: .missingIDs)
        try container.encode(holes, forKey: .holes)
        try container.encode(holeCount, forKey: .holeCount)
        try container.encode(duplicateIDs, forKey: .duplicateIDs)
        try container.encode(counterResets, forKey: .counterResets)
        try container.encodeIfPresent(mayBeMissing, forKey: .mayBeMissing)
        try container.encodeIfPresent(counters, forKey: .counters)
    }
}
