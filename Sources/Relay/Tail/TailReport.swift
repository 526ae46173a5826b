/// How a ``Tail`` went.
package struct TailReport: Sendable, Equatable {
    /// Envelopes handed out.
    package internal(set) var envelopes = 0
    /// Envelopes that were received, but not handed out because the output was slower than the traffic, and their payload
    /// bytes. Whether they were selected nobody looked.
    package internal(set) var droppedEnvelopes = 0
    package internal(set) var droppedBytes = 0
}
