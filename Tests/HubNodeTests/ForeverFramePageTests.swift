import Testing

@testable import HubNode

@Suite("Forever frame page")
struct ForeverFramePageTests {
    @Test("equals the document of a real node")
    func asRecorded() throws {
        // After the size of the chunk, up to the next one.
        let recorded = try Recording.named("foreverFrame connect").lines.dropFirst().prefix { !$0.isEmpty }
        let lines = ForeverFramePage.opening(frameID: 1).split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.dropLast().map(String.init) == Array(recorded))
        #expect(lines.last == "")
    }

    @Test("contains the frame's name that the client script expects")
    func frameID() {
        #expect(ForeverFramePage.opening(frameID: .max).contains("ff.getConnection('4294967295')"))
    }
}
