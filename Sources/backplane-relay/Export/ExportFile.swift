import ArgumentParser

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Where an export goes: standard output, or a file that gets its name when it is complete.
struct ExportFile: ~Copyable {
    private static let pieceSize = 256 * 1024

    private let path: String?
    private let descriptor: CInt
    private var buffer: [UInt8] = []

    private var part: String? { path.map { $0 + ".part" } }

    /// - Parameter path: nil for standard output.
    init(path: String?, replaces: Bool) throws {
        self.path = path
        descriptor = try path.map { try Self.open($0, replaces: replaces) } ?? STDOUT_FILENO
    }

    private static func open(_ path: String, replaces: Bool) throws -> CInt {
        if !replaces, access(path, F_OK) == 0 {
            throw ValidationError("'\(path)' exists; name another file, or --force to write over it")
        }
        // A capture holds what users wrote.
        let descriptor = Glibc.open(path + ".part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ValidationError("'\(path).part' cannot be written: \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    mutating func append(_ body: (inout [UInt8]) -> Void) throws {
        body(&buffer)
        if buffer.count >= Self.pieceSize { try flush() }
    }

    /// Writes the rest; a file gets its name.
    mutating func complete() throws {
        try flush()
        guard let path, let part else { return }
        guard fsync(descriptor) == 0 || errno == EINVAL, close(descriptor) == 0, rename(part, path) == 0 else {
            throw OutputError(code: errno)
        }
    }

    /// Leaves nothing that could be taken for an export.
    func abandon() {
        if let part { unlink(part) }
    }

    private mutating func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        try StandardOutput.write(buffer, to: descriptor)
    }
}
