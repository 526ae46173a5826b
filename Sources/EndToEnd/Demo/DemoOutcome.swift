public import Replay

/// What a demo has shown.
public struct DemoOutcome: Sendable {
    public let published: Int
    public let recorded: Int
    /// Calls that reached the client that listens at the first Redis.
    public let heard: Int
    public let replay: ReplayReport
    public let segments: [String]
    public let segmentBytes: UInt64
    public let payloadBytes: Int
    /// Each difference found, in words; empty if all is equal.
    public let differences: [String]

    public var passed: Bool { differences.isEmpty }
}
