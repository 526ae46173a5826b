import TestSupport

/// An independent subscriber of all channels of a Redis: Python, without libraries.
final class EverythingHeard: Sendable {
    struct Message: Equatable {
        let channel: [UInt8]
        let payload: [UInt8]
    }

    private static let script = """
        import socket, sys
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        s.sendall(b"*2\\r\\n$10\\r\\nPSUBSCRIBE\\r\\n$1\\r\\n*\\r\\n")
        f = s.makefile("rb")
        def value():
            line = f.readline()
            if line[:1] == b"*": return [value() for _ in range(int(line[1:]))]
            if line[:1] == b"$":
                data = f.read(int(line[1:]) + 2)
                return data[:-2]
            return line[1:-2]
        value()
        print("listening", flush=True)
        while True:
            message = value()
            if message[0] == b"pmessage": print(message[2].hex(), message[3].hex() or "-", flush=True)
        """

    private let child: ChildProcess

    private init(_ child: ChildProcess) {
        self.child = child
    }

    static func with(
        _ redis: RedisServer, isolation: isolated (any Actor)? = #isolation,
        _ body: (EverythingHeard) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { folder in
            let child = try await ChildProcess.start(
                Tool.python.requiredPath(), ["-c", script, "\(redis.port)"], folder: folder)
            do {
                try await eventually("the subscriber listens") { child.output.contains("listening") ? true : nil }
                try await body(EverythingHeard(child))
            } catch {
                await child.terminate()
                throw error
            }
            await child.terminate()
        }
    }

    /// Everything received so far, in order.
    var messages: [Message] {
        child.output.split(separator: "\n").dropFirst().compactMap { line in
            let parts = line.split(separator: " ")
            guard parts.count == 2 else { return nil }
            return Message(channel: Self.bytes(parts[0]), payload: Self.bytes(parts[1]))
        }
    }

    /// Waits until this many have arrived.
    func messages(count: Int) async throws -> [Message] {
        try await eventually("\(count) messages came") {
            let messages = self.messages
            return messages.count >= count ? messages : nil
        }
    }

    private static func bytes(_ hex: Substring) -> [UInt8] {
        guard hex != "-" else { return [] }
        let digits = Array(hex.utf8)
        func value(_ digit: UInt8) -> UInt8 { digit > 0x60 ? digit - 0x57 : digit - 0x30 }
        return stride(from: 0, to: digits.count - 1, by: 2).map { value(digits[$0]) << 4 | value(digits[$0 + 1]) }
    }
}
