import Backplane

enum PublishTime {
    /// The publisher's clock, nanoseconds since 1970; nil if the payload does not say.
    static func of(_ payload: UnsafeRawBufferPointer) -> UInt64? {
        guard var walk = try? EnvelopeWalk(payload) else { return nil }
        // Only behind the messages it is certain where the time stands.
        while (try? walk.next()) != nil {}
        return DotNetTicks(rawValue: walk.createdTicks).unixNanoseconds.flatMap { UInt64(exactly: $0) }
    }
}
