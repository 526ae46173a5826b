package import Backplane
package import MCAP

extension CaptureWriter {
    /// How and where to record.
    package struct Configuration: Sendable {
        /// The record directory; created with mode 0700 if it does not exist.
        package var directory: String
        /// Event keys and hubs, in index order.
        package private(set) var backplanes: [BackplaneChannel]
        /// Their names.
        package private(set) var channels: [String]
        /// How chunks are compressed while the recorder keeps up; see ``CompressionChoice``.
        package var compression: Compression
        /// When the next segment begins.
        package var rotation: RotationPolicy
        /// When written bytes are forced to the disk.
        package var durability: Durability

        /// - Parameter channels: event keys of SignalR 2.
        package init(
            directory: String, channels: [String], compression: Compression = .zstd(level: 1),
            rotation: RotationPolicy = RotationPolicy(),
            durability: Durability = .interval(nanoseconds: 1_000_000_000)
        ) {
            self.init(
                directory: directory, backplanes: channels.map { .signalR2(key: $0) }, compression: compression,
                rotation: rotation, durability: durability)
        }

        /// - Parameter backplanes: event keys and hubs, in index order.
        package init(
            directory: String, backplanes: [BackplaneChannel], compression: Compression = .zstd(level: 1),
            rotation: RotationPolicy = RotationPolicy(),
            durability: Durability = .interval(nanoseconds: 1_000_000_000)
        ) {
            self.directory = directory
            self.backplanes = backplanes
            channels = backplanes.map(\.name)
            self.compression = compression
            self.rotation = rotation
            self.durability = durability
        }

        mutating func attach(_ more: [BackplaneChannel]) {
            backplanes += more
            channels += more.map(\.name)
        }

        static let firstEnvelopeChannel: UInt16 = 1
        /// Id of the MCAP channel of events, after those of envelopes.
        var eventsChannel: UInt16 { Self.firstEnvelopeChannel + UInt16(channels.count) }

        /// The MCAP channels of envelopes and events.
        var mcapChannels: [Channel] {
            let envelopes = backplanes.enumerated().map { index, channel in
                let id = Self.firstEnvelopeChannel + UInt16(index)
                return switch channel {
                case .signalR2(let key):
                    Channel(id: id, topic: key, messageEncoding: CaptureMetadata.envelopeEncoding)
                case .core(let hub): CoreCapture.channel(id, of: hub)
                }
            }
            return envelopes + [
                Channel(
                    id: eventsChannel, topic: CaptureMetadata.eventsTopic,
                    messageEncoding: CaptureMetadata.eventsEncoding)
            ]
        }
    }
}

/// When a segment is large or old enough to start the next.
package struct RotationPolicy: Sendable, Equatable {
    /// Bytes of a segment file at which the next one starts.
    package var segmentSize: UInt64
    /// Age of a segment at which the next one starts, in nanoseconds.
    package var segmentDuration: UInt64
    /// Bytes of index at which the next segment starts. The index stays in memory until the segment is closed, and then
    /// twice. Each chunk lists its channels in it, so only a segment with hundreds of channels reaches the limit. Just
    /// below a power of two, because the buffer doubles.
    package var indexSize = 15 << 20

    /// - Parameters:
    ///   - segmentSize: bytes of a file.
    ///   - segmentDuration: nanoseconds.
    package init(segmentSize: UInt64 = 256 << 20, segmentDuration: UInt64 = 3_600_000_000_000) {
        precondition(segmentSize > 0 && segmentDuration > 0)
        self.segmentSize = segmentSize
        self.segmentDuration = segmentDuration
    }

    /// - Parameters:
    ///   - size: bytes written so far.
    ///   - indexSize: bytes of index so far.
    ///   - age: nanoseconds since the segment was started, on a clock that does not step.
    package func isDue(size: UInt64, indexSize: Int, age: UInt64) -> Bool {
        size >= segmentSize || indexSize >= self.indexSize || age >= segmentDuration
    }
}

/// When to force data to the disk. The page cache survives a crash of the relay in any case; this is about the machine.
package enum Durability: Sendable, Equatable {
    /// The system decides, typically within 30 s.
    case never
    /// At most this many nanoseconds of recording are not on the disk yet.
    case interval(nanoseconds: UInt64)
    /// After each flush, about six times per second.
    case eachFlush
}

/// Observes a ``CaptureWriter``, on its thread.
package protocol CaptureWriterObserver: AnyObject {
    /// - Parameters:
    ///   - bytes: growth of the file.
    ///   - envelopes, payloadBytes: contents of the chunk.
    ///   - nanoseconds: time for compression and writing.
    func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64)
    /// The chunk was stored uncompressed, because compression would have slowed the recorder further.
    func chunkLeftUncompressed()
    func synced(nanoseconds: UInt64)
    func segmentOpened(path: String)
    /// The segment is final: closed with its summary, or abandoned.
    func segmentEnded(path: String)
    /// The open segment or part of it was removed from outside; the loss is an event in the next segment.
    func segmentLost(_ loss: SegmentLoss)
}

extension CaptureWriterObserver {
    /// Ignored by default.
    package func chunkLeftUncompressed() {}
    /// Ignored by default.
    package func segmentEnded(path: String) {}
    /// Ignored by default.
    package func segmentLost(_ loss: SegmentLoss) {}
}

/// What is lost of the open segment because its file was changed from outside.
package struct SegmentLoss: Sendable, Equatable {
    /// Why the segment could not be written on.
    package enum Cause: String, Sendable, CaseIterable {
        /// The file was deleted or replaced.
        case removed = "segment_removed"
        /// The file was cut.
        case truncated = "segment_truncated"
        /// The file or its directory was renamed: intact, but no longer in the capture.
        case moved = "segment_moved"
    }

    /// Of the open segment, as it was created.
    package var path: String
    /// What was done to the file.
    package var cause: Cause
    /// By channel index.
    package var lost: [ChannelTally]

    /// Envelopes that were lost with it.
    package var envelopes: Int { lost.reduce(0) { $0 + $1.envelopes } }
}
