import Foundation
import TestSupport

/// The socket on which systemd listens to its services.
final class NotifySocket {
    private let descriptor: Int32
    private var received: [String] = []

    init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw TestFailure("no socket at \(path): errno \(errno)") }
    }

    deinit {
        close(descriptor)
    }

    /// Reads until this message comes; those before it are passed over.
    func wait(for message: String) async throws {
        do {
            try await eventually(message) { next() == message ? true : nil }
        } catch {
            throw TestFailure("\(error); received were \(received.suffix(5))")
        }
    }

    private func next() -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        let message = String(decoding: buffer.prefix(count), as: UTF8.self)
        received.append(message)
        return message
    }
}
