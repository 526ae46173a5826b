/// How a ``Tail`` went.
public struct TailReport: Sendable, Equatable {
    /// Envelopes handed out.
    public internal(set) var envelopes = 0
    /// Envelopes that were received, but not handed out because the output was slower than the traffic, and their payload
    /// bytes. Whether they were selected nobody looked.
    public internal(set) var droppedEnvelopes = 0
    public internal(set) var droppedBytes = 0
}
