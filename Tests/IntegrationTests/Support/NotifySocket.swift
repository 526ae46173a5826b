import Foundation
import Synchronization
import TestSupport

/// The socket on which systemd receives notifications of services.
final class NotifySocket: Sendable {
    private let descriptor: Int32
    private let received = Mutex<[String]>([])
    private let taken = Mutex(0)

    init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw TestFailure("no socket at \(path): errno \(errno)") }
        // The kernel queues ten messages and drops later ones, so they are read even while no test waits.
        Thread { [descriptor, weak self] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                guard count > 0, let self else { break }
                received.withLock { $0.append(String(decoding: buffer.prefix(count), as: UTF8.self)) }
            }
            close(descriptor)
        }.start()
    }

    deinit {
        // Wakes the thread, which closes it.
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Waits for this message; earlier ones are skipped.
    func wait(for message: String) async throws {
        do {
            try await eventually(message) { () -> Bool? in
                let messages = received.withLock { $0 }
                return taken.withLock { taken in
                    guard let index = messages[taken...].firstIndex(of: message) else { return nil }
                    taken = index + 1
                    return true
                }
            }
        } catch {
            throw TestFailure("\(error); received were \(received.withLock { $0 }.suffix(5))")
        }
    }
}
