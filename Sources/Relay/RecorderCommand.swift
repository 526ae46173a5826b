import Capture

/// What the recorder can be asked for by other threads, by way of the ``Intake``.
enum RecorderCommand: Sendable, Equatable {
    /// Close the segment and begin the next one.
    case rotate
    /// Write what waits and force it to the disk.
    case flush
    /// The disk is low: record nothing until ``resume(free:)``. With the bytes that are left.
    case pause(free: UInt64)
    case resume(free: UInt64)
    /// For the capture.
    case note(CaptureEvent)
    /// Both ends of this jump of ids are where counters stand, in different databases: by index of the channel.
    case areCounters(CaptureEvent.Withdrawn, channel: Int)
}
