import Testing

@testable import Relay

@Suite struct FrequentHeadTests {
    private func with<R>(_ text: String, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        Array(text.utf8).withUnsafeBytes(body)
    }

    @Test func theFirstIsTakenAndAnotherAtTheSixteenthMiss() {
        var frequent = FrequentHead()
        #expect(!with("head one") { frequent.begins($0) } && !with("") { frequent.begins($0) })
        #expect(with("head one") { frequent.missed($0) })
        #expect(with("head one") { frequent.begins($0) } && with("head one and more") { frequent.begins($0) })
        #expect(!with("head on") { frequent.begins($0) })
        for _ in 1...15 { #expect(!with("head two") { frequent.missed($0) }) }
        #expect(with("head two") { frequent.missed($0) } && with("head two") { frequent.begins($0) })
        #expect(!with("head one") { frequent.begins($0) })
    }

    /// Every length that it takes, and a difference at each of its bytes.
    @Test(arguments: 8...64) func everyByteCounts(length: Int) {
        var frequent = FrequentHead()
        let head = String(repeating: "h", count: length)
        #expect(with(head) { frequent.missed($0) } && with(head + "x") { frequent.begins($0) })
        for place in 0..<length {
            let other = String(repeating: "h", count: place) + "x" + String(repeating: "h", count: length)
            #expect(!with(other) { frequent.begins($0) })
        }
    }

    @Test(arguments: [0, 7, 65]) func othersAreNeverTaken(length: Int) {
        var frequent = FrequentHead()
        let other = String(repeating: "x", count: length)
        for _ in 1...40 { #expect(!with(other) { frequent.missed($0) }) }
        #expect(!with(other) { frequent.begins($0) })
    }
}
