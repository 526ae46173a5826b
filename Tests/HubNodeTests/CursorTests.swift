import Testing

@testable import HubNode

@Suite("Cursor")
struct CursorTests {
    @Test(
        "is what real nodes write",
        arguments: [(0, "s-0,0"), (30, "s-0,1E"), (0xFFFF_FFFF, "s-0,FFFFFFFF"), (UInt64.max, "s-0,FFFFFFFFFFFFFFFF")])
    func text(id: UInt64, text: String) {
        #expect(Cursor.text(id) == text)
        #expect(Cursor.parse(text) == id)
    }

    @Test(
        "anything else is none",
        arguments: ["", "garbage", "d-A,1|B,2", "s-0,", "s-0,G", "s-0,-1", "s-0,+1", "s-1,1", "s-0,1FFFFFFFFFFFFFFFF"])
    func noCursor(text: String) {
        #expect(Cursor.parse(text) == nil)
    }
}
