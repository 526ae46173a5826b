import Foundation
import Synchronization

/// Free ports of the loopback interface.
package enum FreePort {
    /// Below the kernel's ephemeral ports (32768 and up): one of those that is free now may belong to another socket
    /// before the server listens on it. Starts at a random port, because of other test runs.
    private static let range = 12_000..<32_000
    private static let next = Atomic(Int.random(in: 0..<range.count))

    /// Unique within a test run.
    package static func find() throws -> Int {
        for _ in range {
            let port = range.lowerBound + (next.add(1, ordering: .relaxed).oldValue % range.count)
            if try isFree(port) { return port }
        }
        throw TestFailure("no free port in \(range)")
    }

    private static func isFree(_ port: Int) throws -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw TestFailure("socket: errno \(errno)") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
