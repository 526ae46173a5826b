import NIOCore
import Testing

@testable import LivePage
@testable import Relay

@Suite struct LivePagesTests {
    @Test func theNumberOfPagesIsLimited() throws {
        let pages = LivePages(limit: 2)
        let first = try #require(pages.open())
        _ = try #require(pages.open())
        #expect(pages.isFull && pages.open() == nil)
        pages.close(first)
        #expect(!pages.isFull && pages.open() != nil)
    }

    @Test func aPageThatDoesNotReadLosesFramesAndIsInformed() async throws {
        let pages = LivePages()
        let slow = try #require(pages.open())
        for number in 1...1_000 { pages.send(ByteBuffer(string: "\(number)")) }
        #expect(slow.takeIsBehind())
        #expect(!slow.takeIsBehind())
        pages.close(slow)
        var kept = 0
        for await _ in slow.frames { kept += 1 }
        #expect(kept == LivePages.queueLimit)
    }

    @Test func nothingOpensAfterTheEnd() async throws {
        let pages = LivePages()
        let page = try #require(pages.open())
        pages.closeAll()
        for await _ in page.frames {}
        #expect(pages.open() != nil, "a new token ends pages, not the relay")
        pages.shut()
        #expect(pages.open() == nil)
    }
}
