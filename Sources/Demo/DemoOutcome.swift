package import Replay

/// The result of a demo.
package struct DemoOutcome: Sendable {
    package let published: Int
    package let recorded: Int
    /// Calls received by the client at the first Redis.
    package let heard: Int
    package let replay: ReplayReport
    package let segments: [String]
    package let segmentBytes: UInt64
    package let payloadBytes: Int
    /// Each difference found, as a sentence; empty if there are none.
    package let differences: [String]

    package var passed: Bool { differences.isEmpty }
}
