import Testing

@testable import Relay

@Suite struct FrequentBytesTests {
    private func with<R>(_ text: String, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        Array(text.utf8).withUnsafeBytes(body)
    }

    @Test func theFirstIsTakenAndAnotherAtTheSixteenthMiss() {
        var frequent = FrequentBytes()
        #expect(!with("a") { frequent.equal($0) } && !with("") { frequent.equal($0) || frequent.begin($0) })
        #expect(with("abc") { frequent.missed($0) })
        #expect(with("abc") { frequent.equal($0) } && with("abcd") { frequent.begin($0) && !frequent.equal($0) })
        #expect(!with("ab") { frequent.equal($0) || frequent.begin($0) } && !with("abd") { frequent.begin($0) })
        for _ in 1...15 { #expect(!with("x") { frequent.missed($0) }) }
        #expect(with("xyz") { frequent.missed($0) } && with("xyz") { frequent.equal($0) })
        #expect(!with("abc") { frequent.equal($0) })
        frequent.forget()
        #expect(!with("xyz") { frequent.equal($0) || frequent.begin($0) })
    }

    @Test func whatIsLongerThanItHoldsIsNeverTaken() {
        var frequent = FrequentBytes()
        let (fits, long) = (String(repeating: "f", count: 64), String(repeating: "l", count: 65))
        #expect(!with(long) { frequent.missed($0) } && with(fits) { frequent.missed($0) })
        for _ in 1...40 { #expect(!with(long) { frequent.missed($0) }) }
        #expect(with(fits) { frequent.equal($0) } && with(fits + "x") { frequent.begin($0) })
    }
}
