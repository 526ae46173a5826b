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
    }

    /// The MCAP channels of envelopes and events.
    var mcapChannels: [Channel] {
        let envelopes = configuration.backplanes.enumerated().map { index, channel in
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
