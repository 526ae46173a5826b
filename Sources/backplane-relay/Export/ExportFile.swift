#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The destination of a text export: standard output, or a file.
struct ExportFile: ~Copyable {
    private static let pieceSize = 256 * 1024

    private let file: PartFile?
    private let descriptor: CInt
    private var buffer: [UInt8] = []

    /// - Parameter file: nil for standard output.
    init(_ file: PartFile?) throws {
        self.file = file
        descriptor = try file?.open() ?? STDOUT_FILENO
    }

    mutating func append(_ body: (inout [UInt8]) -> Void) throws {
        body(&buffer)
        if buffer.count >= Self.pieceSize { try flush() }
    }

    /// Writes the rest; a file is renamed to its final name.
    mutating func complete() throws {
        try flush()
        try file?.complete(descriptor)
    }

    private mutating func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        try StandardOutput.write(
            buffer, to: descriptor,
            place: file.map { "'\($0.isStream ? $0.path : $0.part)'" } ?? OutputError.standardOutput)
    }
}
