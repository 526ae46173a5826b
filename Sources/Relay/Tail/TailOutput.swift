package import Capture

/// Where a ``Tail`` hands out what comes. One thread's; it may block, the traffic waits in a bounded buffer.
///
/// Whatever is thrown ends the handing out.
package protocol TailOutput {
    /// One envelope that is selected. Its payload is valid during the call.
    mutating func envelope(_ envelope: CapturedEnvelope) throws
    /// What befell the subscription, in its place among the envelopes.
    ///
    /// - Parameter time: nanoseconds since 1970.
    mutating func event(_ event: CaptureEvent, at time: UInt64) throws
    /// All that is here was handed out. Called at least twice a second, also if nothing came.
    mutating func flush() throws
    /// Nothing more will be handed out.
    mutating func finish() throws
}

extension TailOutput {
    package mutating func finish() throws { try flush() }
}
