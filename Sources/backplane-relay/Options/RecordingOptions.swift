import ArgumentParser
import Capture
import Cryptography
import FoundationEssentials
import MCAP
import Relay
import Time

/// What to record, how, and how long to keep it.
struct RecordingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Directory to record into. Without it the relay only observes.", valueName: "dir"))
    var record: String?

    @Option(help: ArgumentHelp("Compression of the capture.", valueName: "method"))
    var compression: CompressionName = .zstd

    @Option(help: ArgumentHelp("zstd level, 1 (fastest) to 19.", valueName: "level"))
    var compressionLevel = 1

    @Option(help: ArgumentHelp("Begin a new segment at this size, 64KiB or more.", valueName: "size"))
    var segmentSize = ByteSize(bytes: 256 << 20)

    @Option(help: ArgumentHelp("Begin a new segment at this age.", valueName: "time"))
    var segmentDuration = TimeSpan(nanoseconds: 3_600_000_000_000)

    @Option(
        help: ArgumentHelp(
            "When to force data to the disk: never, flush (after each write), or at most this long after it was written.",
            valueName: "when"))
    var fsync = FsyncPolicy(.interval(nanoseconds: 1_000_000_000))

    @Option(
        help: ArgumentHelp(
            "Pause recording while less than this is free on the file system; 0 never pauses.", valueName: "size"))
    var minFreeDisk = FreeSpace(bytes: 1 << 30)

    @Option(
        help: ArgumentHelp(
            "Delete the oldest closed segments when all segments together exceed this size.", valueName: "size"))
    var retainSize: ByteSize?

    @Option(
        help: ArgumentHelp("Delete closed segments that were last written longer ago than this.", valueName: "time"))
    var retainAge: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Shell command for each closed segment; %p is its path, %f its name. Retried until it exits 0.",
            valueName: "command"))
    var archiveCommand: String?

    @Option(help: ArgumentHelp("Kill the archive command after this time and retry.", valueName: "time"))
    var archiveTimeout = TimeSpan(nanoseconds: 600_000_000_000)

    @Option(
        help: ArgumentHelp(
            "What to record of the values of messages: full, hash (keyed, structure kept) or none.", valueName: "mode"))
    var payload: PayloadName = .full

    @Option(
        help: ArgumentHelp("JSON members whose values are not recorded, at any depth: name,token.", valueName: "names"))
    var redactJsonKeys: [String] = []

    @Option(
        help: ArgumentHelp(
            "File with the key of the hashes, at least 16 bytes. Without it each run has a random key.",
            valueName: "file"))
    var redactKeyFile: String?

    @Option(
        help: ArgumentHelp(
            "How to record names of groups and users, and connection ids: full, or hash (keyed).", valueName: "mode"))
    var names: NamesName = .full

    @Option(
        help: ArgumentHelp(
            "Key for the hashes of --names, at least 16 bytes. Without it each run uses a random one.",
            valueName: "file"))
    var namesKeyFile: String?

    func validate() throws {
        guard (1...19).contains(compressionLevel) else {
            throw ValidationError("--compression-level: a number from 1 to 19")
        }
        try segmentSize.require(
            atLeast: ByteSize(bytes: 64 << 10), "--segment-size",
            because: "segments of \(Format.count(segmentSize.bytes, "byte")) hold less than their own index")
        try segmentDuration.require(.milliseconds(100)...(.hours(24 * 366)), "--segment-duration")
        try archiveTimeout.require(.milliseconds(100)...(.hours(24 * 7)), "--archive-timeout")
        guard redactKeyFile == nil || payload == .hash else {
            throw ValidationError("--redact-key-file: only --payload hash uses a key")
        }
        guard namesKeyFile == nil || names == .hash else {
            throw ValidationError("--names-key-file: only --names hash uses a key")
        }
        _ = try archive()
    }

    /// nil if nothing is recorded.
    func writer(channels: [String]) -> CaptureWriter.Configuration? {
        record.map { directory in
            CaptureWriter.Configuration(
                directory: directory, channels: channels,
                compression: compression == .zstd ? .zstd(level: compressionLevel) : .none,
                rotation: RotationPolicy(
                    segmentSize: UInt64(segmentSize.bytes), segmentDuration: segmentDuration.nanoseconds),
                durability: fsync.durability)
        }
    }

    func housekeeping() throws -> HousekeepingPolicy {
        HousekeepingPolicy(
            minimumFree: UInt64(minFreeDisk.bytes),
            retention: RetentionPolicy(size: retainSize.map { UInt64($0.bytes) }, age: retainAge?.nanoseconds),
            archive: try archive(), archiveTimeout: .nanoseconds(Int64(archiveTimeout.nanoseconds)))
    }

    /// - Throws: `ValidationError` if the key cannot be read.
    func payloadPolicy() throws -> PayloadPolicy {
        var policy = PayloadPolicy(mode: payload.mode, redactedKeys: redactedKeys)
        if let redactKeyFile { policy.key = try Self.key(redactKeyFile, "--redact-key-file") }
        if names == .hash {
            policy.namesKey = try namesKeyFile.map { try Self.key($0, "--names-key-file") } ?? .random()
        }
        return policy
    }

    static func key(_ path: String, _ option: String) throws -> SymmetricKey {
        guard let key = try? Data(contentsOf: URL(filePath: path)), key.count >= 16 else {
            throw ValidationError(
                "\(option): '\(path)' contains fewer than 16 bytes; make one with 'head -c 32 /dev/urandom > FILE'")
        }
        return SymmetricKey(Array(key))
    }

    /// False if something is deliberately kept out of the capture.
    var recordsAllOfPayloads: Bool { payload == .full && redactedKeys.isEmpty && names == .full }

    private var redactedKeys: [String] {
        redactJsonKeys.flatMap { $0.split(separator: ",") }.map { String($0) }
    }

    private func archive() throws -> ArchiveCommand? {
        guard let archiveCommand, !archiveCommand.isEmpty else { return nil }
        do {
            return try ArchiveCommand(archiveCommand)
        } catch {
            throw ValidationError("--archive-command: \(error)")
        }
    }
}

enum NamesName: String, ExpressibleByArgument, CaseIterable {
    case full, hash
}

enum PayloadName: String, ExpressibleByArgument, CaseIterable {
    case full, hash, none

    var mode: PayloadMode {
        switch self {
        case .full: .full
        case .hash: .hash
        case .none: .none
        }
    }
}

/// A `ByteSize`, or 0.
struct FreeSpace: ExpressibleByArgument {
    let bytes: Int

    init(bytes: Int) {
        self.bytes = bytes
    }

    init?(argument: String) {
        if argument == "0" {
            bytes = 0
        } else {
            guard let size = ByteSize(argument: argument) else { return nil }
            bytes = size.bytes
        }
    }

    var defaultValueDescription: String { ByteSize(bytes: bytes).defaultValueDescription }
}
