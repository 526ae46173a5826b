import Testing

@testable import HubNode

@Suite("Forever frame page")
struct ForeverFramePageTests {
    @Test("is the document of a real node")
    func asRecorded() throws {
        // Behind the size of the chunk, up to the next one.
        let recorded = try Recording.named("foreverFrame connect").lines.dropFirst().prefix { !$0.isEmpty }
        let lines = ForeverFramePage.opening(frameID: 1).split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.dropLast().map(String.init) == Array(recorded))
        #expect(lines.last == "")
    }

    @Test("names the frame that the client's script knows it by")
    func frameID() {
        #expect(ForeverFramePage.opening(frameID: .max).contains("ff.getConnection('4294967295')"))
    }
}
