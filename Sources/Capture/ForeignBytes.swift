import MCAP

/// Identifies a file that is not MCAP by its first bytes.
enum ForeignBytes {
    private static let magic: [UInt8] = [0x89, 0x4D, 0x43, 0x41, 0x50, 0x30, 0x0D, 0x0A]
    private static let lookedAt = 512

    private static let compressions: [(magic: [UInt8], name: String, tool: String, suffixes: [String])] = [
        ([0x1F, 0x8B], "gzip", "gzip -dc", [".gz"]),
        ([0x28, 0xB5, 0x2F, 0xFD], "zstd", "zstd -dc", [".zst", ".zstd"]),
        ([0x04, 0x22, 0x4D, 0x18], "lz4", "lz4 -dc", [".lz4"]),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "xz", "xz -dc", [".xz"]),
        ([0x42, 0x5A, 0x68], "bzip2", "bzip2 -dc", [".bz2"]),
        ([0x50, 0x4B, 0x03, 0x04], "zip", "unzip -p", [".zip"]),
    ]

    /// The start of a source.
    static func start(of source: any ByteSource) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: lookedAt)
        let count = try bytes.withUnsafeMutableBytes { try source.read(at: 0, into: $0, atLeast: magic.count) }
        return Array(bytes.prefix(count))
    }

    /// True if a file with this start may be MCAP, possibly cut off.
    static func beginsAsMCAP(_ start: [UInt8]) -> Bool {
        !start.isEmpty && (start.starts(with: magic) || magic.starts(with: start))
    }

    /// A compressed file cannot be MCAP and need not be searched; nil if it is not compressed.
    static func compression(_ start: [UInt8], path: String) -> CaptureError? {
        guard let found = compressions.first(where: { start.starts(with: $0.magic) }) else { return nil }
        return .compressed(path: path, by: found.name, tool: found.tool)
    }

    /// The error for a file without any MCAP data.
    static func error(_ start: [UInt8], path: String) -> CaptureError {
        if start.isEmpty { return .notMCAP(path: path, what: "is empty, not an MCAP file") }
        if let error = compression(start, path: path) { return error }
        let isText = start.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) || $0 == 0x1B }
        return .notMCAP(
            path: path, what: isText ? "is text, not an MCAP file" : "is not an MCAP file and contains no part of one")
    }

    /// The first name that looks like a compressed segment.
    static func compressedName(in names: [String]) -> (name: String, tool: String)? {
        for name in names {
            for compression in compressions
            where compression.suffixes.contains(where: { name.hasSuffix(SegmentName.fileExtension + $0) }) {
                return (name, compression.tool)
            }
        }
        return nil
    }
}
