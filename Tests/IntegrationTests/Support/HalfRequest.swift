import Foundation
import TestSupport

/// An HTTP client that stops in the middle of its request and keeps the connection.
struct HalfRequest {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let half = Array("GET /metrics HTTP/1.1\r\nHost: ".utf8)
        guard connected == 0, send(descriptor, half, half.count, Int32(MSG_NOSIGNAL)) == half.count else {
            throw TestFailure("no connection to port \(port): errno \(errno)")
        }
    }

    /// Sends one more byte of its header.
    ///
    /// - Returns: nil, so that it can stand where something is waited for.
    func drip() -> Bool? {
        var byte = UInt8(ascii: "a")
        _ = send(descriptor, &byte, 1, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        return nil
    }

    /// True once the server has ended the connection.
    var isClosed: Bool {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT))
        return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
    }

    func close() {
        _ = Foundation.close(descriptor)
    }
}
