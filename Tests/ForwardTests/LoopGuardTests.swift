import Backplane
import Testing

@testable import Forward

@Suite("Forward places")
struct LoopGuardTests {
    private typealias Server = LoopGuard.Server

    private func places(
        _ source: (String?, String), _ target: (String?, String), channels: [String] = ["chat"], onto: String? = nil
    ) -> LoopGuard {
        LoopGuard(
            source: Server(runID: source.0, endpoint: source.1), target: Server(runID: target.0, endpoint: target.1),
            channels: channels, targetChannel: onto)
    }

    @Test("an immediate loop is refused: the same server by run_id, else by address, on a watched event key")
    func returnsAtOnce() {
        #expect(places(("r1", "a:1"), ("r1", "b:2")).returnsAtOnce)
        #expect(!places(("r1", "a:1"), ("r2", "a:1")).returnsAtOnce)
        #expect(places((nil, "a:1"), ("r2", "a:1")).returnsAtOnce)
        #expect(!places((nil, "a:1"), (nil, "b:1")).returnsAtOnce)
        #expect(!places(("r1", "a:1"), ("r1", "a:1"), onto: "staging").returnsAtOnce)
        #expect(places(("r1", "a:1"), ("r1", "a:1"), channels: ["chat", "staging"], onto: "staging").returnsAtOnce)
    }

    @Test("without a run_id two spellings of one address are recognized")
    func located() async {
        var places = places((nil, "127.0.0.1:1"), ("r2", "localhost:1"))
        #expect(!places.returnsAtOnce)
        await places.locate()
        #expect(places.returnsAtOnce)
        var other = self.places((nil, "127.0.0.1:1"), ("r2", "localhost:2"))
        await other.locate()
        #expect(!other.returnsAtOnce)
    }

    @Test("a mark identifies server and event key, however the server is addressed")
    func marks() {
        let base = places(("r1", "a:1"), ("r2", "b:1"), channels: ["chat", "news"])
        #expect(base.leaving(0) == places(("r1", "other:9"), ("r2", "b:1")).leaving(0))
        #expect(base.leaving(0) != base.leaving(1))
        #expect(base.leaving(0).count == 16)
        #expect(base.visited(0).first == places(("r2", "b:1"), ("r1", "a:1")).leaving(0))
        #expect(base.visited(1).contains(base.leaving(1)))
    }
}
