import NIOConcurrencyHelpers
import NIOCore
import Synchronization

/// The open pages, each with a bounded queue of unsent frames.
///
/// A page that reads too slowly loses its queue and gets a complete frame instead.
final class LivePages: Sendable {
    /// One open page.
    final class Page: Sendable {
        let id: UInt64
        let frames: AsyncStream<ByteBuffer>
        fileprivate let continuation: AsyncStream<ByteBuffer>.Continuation
        private let isBehind = Atomic(false)

        fileprivate init(id: UInt64) {
            self.id = id
            (frames, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(LivePages.queueLimit))
        }

        fileprivate func send(_ frame: ByteBuffer) {
            if case .dropped = continuation.yield(frame) { isBehind.store(true, ordering: .relaxed) }
        }

        /// True once after frames were lost.
        func takeIsBehind() -> Bool { isBehind.exchange(false, ordering: .relaxed) }
    }

    private struct State {
        var pages: [UInt64: Page] = [:]
        var next: UInt64 = 0
        var isClosed = false
    }

    static let queueLimit = 8

    private let limit: Int
    private let state = NIOLockedValueBox(State())

    /// - Parameter limit: maximum number of pages.
    init(limit: Int = 32) {
        self.limit = limit
    }

    var count: Int { state.withLockedValue { $0.pages.count } }
    var isFull: Bool { state.withLockedValue { $0.pages.count >= limit || $0.isClosed } }

    /// - Returns: nil beyond the limit.
    func open() -> Page? {
        state.withLockedValue { state in
            guard state.pages.count < limit, !state.isClosed else { return nil }
            let page = Page(id: state.next)
            state.next += 1
            state.pages[page.id] = page
            return page
        }
    }

    func close(_ page: Page) {
        state.withLockedValue { $0.pages[page.id] = nil }
        page.continuation.finish()
    }

    func send(_ frame: ByteBuffer) {
        for page in state.withLockedValue({ Array($0.pages.values) }) { page.send(frame) }
    }

    /// Closes all streams; browsers reconnect by themselves and must then authenticate.
    func closeAll() {
        let open = state.withLockedValue { state in
            defer { state.pages = [:] }
            return Array(state.pages.values)
        }
        for page in open { page.continuation.finish() }
    }

    /// Closes all streams and refuses new ones.
    func shut() {
        state.withLockedValue { $0.isClosed = true }
        closeAll()
    }
}
