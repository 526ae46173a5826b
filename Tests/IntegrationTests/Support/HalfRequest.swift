import Foundation
import TestSupport

/// An HTTP client that stops in the middle of its request and keeps the connection open.
struct HalfRequest {
    private let descriptor: Int32

    /// - Parameter half: the part sent first.
    init(port: Int, _ half: String = "GET /metrics HTTP/1.1\r\nHost: ") throws {
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
        let bytes = Array(half.utf8)
        guard connected == 0, Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw TestFailure("no connection to port \(port): errno \(errno)")
        }
    }

    /// Sends one more byte of its header.
    ///
    /// - Returns: nil, so that it can be used in a wait.
    func drip() -> Bool? {
        var byte = UInt8(ascii: "a")
        _ = Foundation.send(descriptor, &byte, 1, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        return nil
    }

    /// - Returns: false if the server does not accept it within two seconds.
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// - Returns: false if the server does not accept it within two seconds.
    func send(_ bytes: [UInt8]) -> Bool {
        var patience = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    /// Received data, up to 4 KiB; waits two seconds for it.
    func received() -> String {
        var patience = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
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
