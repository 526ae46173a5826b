import Backplane

enum PublishTime {
    /// The publisher's clock, nanoseconds since 1970; nil if the payload has none.
    static func of(_ payload: UnsafeRawBufferPointer) -> UInt64? {
        guard var walk = try? EnvelopeWalk(payload) else { return nil }
        // The position of the time is known only after the messages.
        while (try? walk.next()) != nil {}
        return DotNetTicks(rawValue: walk.createdTicks).unixNanoseconds.flatMap { UInt64(exactly: $0) }
    }
}
