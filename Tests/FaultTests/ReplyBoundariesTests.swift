import Testing

@Suite("Reply boundaries")
struct ReplyBoundariesTests {
    @Test("found wherever the bytes are cut")
    func everyCut() {
        let replies = [
            "+OK\r\n", ":12\r\n", "$5\r\na\r\nb\n\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n",
            "*3\r\n$7\r\nmessage\r\n$4\r\nchat\r\n$3\r\n1 x\r\n", "*2\r\n*1\r\n:1\r\n$0\r\n\r\n",
        ]
        let bytes = Array(replies.joined().utf8)
        var expected: [Int] = []
        for reply in replies { expected.append((expected.last ?? 0) + reply.utf8.count) }
        for cut in 0...bytes.count {
            var boundaries = ReplyBoundaries()
            var found: [Int] = []
            for (offset, part) in [(0, bytes[..<cut]), (cut, bytes[cut...])] {
                var rest = part
                while let length = boundaries.advance(rest) {
                    rest = rest.dropFirst(length)
                    found.append(offset + part.count - rest.count)
                }
            }
            #expect(found == expected, "cut at \(cut)")
        }
    }
}
