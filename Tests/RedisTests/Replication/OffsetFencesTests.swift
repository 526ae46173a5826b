import Testing

@testable import Redis

@Suite struct OffsetFencesTests {
    @Test func `callers are called in the order of their offsets, once`() {
        var fences = OffsetFences()
        var called: [String] = []
        let first = fences.add(20) { called.append("b \($0)") }
        _ = fences.add(10) { called.append("a \($0)") }
        let last = fences.add(20) { called.append("c \($0)") }
        let removed = fences.add(15) { called.append("removed \($0)") }
        fences.remove(removed)?(false)
        for caller in fences.take(upTo: 9) { caller(true) }
        #expect(called == ["removed false"])
        for caller in fences.take(upTo: 20) { caller(true) }
        #expect(called == ["removed false", "a true", "b true", "c true"])
        #expect([first, last, removed].allSatisfy { fences.remove($0) == nil })
        #expect(fences.take(upTo: .max).isEmpty)
    }
}
