import NIOCore
import Redis
import Testing

@Suite struct RESPEncoderTests {
    @Test(
        arguments: [
            (["PING"], "*1\r\n$4\r\nPING\r\n"),
            (["SET", "key", ""], "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n"),
            (["ECHO", "a\r\nb"], "*2\r\n$4\r\nECHO\r\n$4\r\na\r\nb\r\n"),
            // Lengths count bytes, not characters.
            (["é"], "*1\r\n$2\r\né\r\n"),
            ([.bytes([0x31]), .text("2")], "*2\r\n$1\r\n1\r\n$1\r\n2\r\n"),
            (
                [RESPArgument](repeating: "x", count: 12),
                "*12\r\n" + String(repeating: "$1\r\nx\r\n", count: 12)
            ),
        ] as [([RESPArgument], String)])
    func command(arguments: [RESPArgument], expected: String) {
        var buffer = ByteBuffer()
        RESPEncoder.encode(arguments, into: &buffer)
        #expect(String(buffer: buffer) == expected)
    }

    @Test func bytesAreUnchanged() {
        let payload = [UInt8](0...255)
        var buffer = ByteBuffer()
        RESPEncoder.encode([.bytes(payload)], into: &buffer)
        #expect(Array(buffer.readableBytesView) == Array("*1\r\n$256\r\n".utf8) + payload + Array("\r\n".utf8))
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 4_096, 102_400])
    func bulkLengthIsDecimal(count: Int) {
        var buffer = ByteBuffer()
        RESPEncoder.encodeBulk([UInt8](repeating: 7, count: count), into: &buffer)
        #expect(buffer.readableBytes == "$\(count)\r\n".utf8.count + count + 2)
        #expect(buffer.readString(length: "$\(count)\r\n".utf8.count) == "$\(count)\r\n")
    }

    @Test func appendsToExistingBytes() {
        var buffer = ByteBuffer(string: "*1\r\n$4\r\nPING\r\n")
        RESPEncoder.encode(["INFO"], into: &buffer)
        #expect(String(buffer: buffer) == "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nINFO\r\n")
    }
}
