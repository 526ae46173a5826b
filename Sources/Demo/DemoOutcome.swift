package import Replay

/// What a demo has shown.
package struct DemoOutcome: Sendable {
    package let published: Int
    package let recorded: Int
    /// Calls that reached the client that listens at the first Redis.
    package let heard: Int
    package let replay: ReplayReport
    package let segments: [String]
    package let segmentBytes: UInt64
    package let payloadBytes: Int
    /// Each difference found, in words; empty if all is equal.
    package let differences: [String]

    package var passed: Bool { differences.isEmpty }
}
