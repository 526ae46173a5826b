import DequeModule
import Synchronization

/// Items that a client of ASP.NET Core SignalR sends during its call, as a parameter of a hub method: `(call: HubCall,
/// numbers: HubStream<Int>)`.
public struct HubStream<Element: HubValue>: AsyncSequence, HubValue {
    private let queue: HubItemQueue

    init(queue: HubItemQueue) {
        self.queue = queue
    }

    /// Always throws: a stream is not a value.
    public init(json: [UInt8]) throws {
        throw HubValueError.notAStream
    }

    /// Always throws ``HubValueError/notAStream``: a stream is not a value.
    public func json() throws -> [UInt8] {
        throw HubValueError.notAStream
    }

    /// The items from now on. Each item is delivered once: iterate over a stream once only.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(queue: queue) }

    /// Waits for each item.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let queue: HubItemQueue

        /// - Throws: if the item has another type, or the client ended the stream with an error.
        public mutating func next() async throws -> Element? {
            guard let item = try await queue.next() else { return nil }
            if Element.self == JSONValue.self, let value = try JSONValue(item) as? Element { return value }
            return try Element(json: item.json)
        }
    }
}

/// A ``HubStream`` of any element type.
protocol HubStreamParameter {
    init(_ queue: HubItemQueue)
}

extension HubStream: HubStreamParameter {
    init(_ queue: HubItemQueue) {
        self.init(queue: queue)
    }
}

/// A queue of the items of one client stream: the connection adds items, the method removes them.
final class HubItemQueue: Sendable {
    private struct State {
        var items: Deque<HubArgument> = []
        var end: Result<Void, any Error>?
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    /// Called on any thread with the bytes of each removed item, so that reading can resume.
    private let onTaken: @Sendable (Int) -> Void

    init(onTaken: @escaping @Sendable (Int) -> Void = { _ in }) {
        self.onTaken = onTaken
    }

    func push(_ item: HubArgument) {
        wake { state in
            if state.end == nil { state.items.append(item) }
        }
    }

    /// - Parameter failure: nil if the stream completed normally.
    func finish(_ failure: (any Error)? = nil) {
        wake { state in
            if state.end == nil { state.end = failure.map { .failure($0) } ?? .success(()) }
        }
    }

    /// - Returns: nil at the end.
    func next() async throws -> HubArgument? {
        while true {
            let taken: Result<HubArgument?, any Error>? = state.withLock { state in
                if let item = state.items.popFirst() { return .success(item) }
                return state.end.map { $0.map { nil } }
            }
            if let taken {
                if case .success(let item?) = taken { onTaken(item.size) }
                return try taken.get()
            }
            try Task.checkCancellation()
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isDue = state.withLock { state in
                        if !state.items.isEmpty || state.end != nil { return true }
                        state.waiting = continuation
                        return false
                    }
                    if isDue { continuation.resume() }
                }
            } onCancel: {
                finish(CancellationError())
            }
        }
    }

    private func wake(_ change: (inout State) -> Void) {
        let waiting = state.withLock { state in
            change(&state)
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }
}

extension HubArgument {
    /// Approximate size in bytes.
    var size: Int { json.count + (messagePack?.count ?? 0) + 64 }
}
