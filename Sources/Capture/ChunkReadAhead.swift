import MCAP
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads a file on a separate thread, one item ahead: a chunk is checked and decompressed while the previous one is
/// processed. If no thread can be created, it reads on demand.
final class ChunkReadAhead: @unchecked Sendable {
    // @unchecked: `reader` belongs to the reading thread until it is joined; `slot` belongs to it from `isEmptied` to
    // `isFilled`, and to the caller of next() otherwise.

    private enum Turn {
        case item(MCAPStreamReader.Item)
        case failed(any Error)
    }

    private let reader: MCAPStreamReader
    private var thread: pthread_t?
    private var isJoined = false
    private var slot: Turn?
    private let isFilled = ThreadSemaphore()
    private let isEmptied = ThreadSemaphore()
    private let isStopped = Atomic(false)

    init(_ reader: MCAPStreamReader) {
        self.reader = reader
        var created = pthread_t()
        let ours = Unmanaged.passRetained(self)
        let code = pthread_create(
            &created, nil,
            { argument in
                if let argument { Unmanaged<ChunkReadAhead>.fromOpaque(argument).takeRetainedValue().read() }
                return nil
            }, ours.toOpaque())
        if code == 0 { thread = created } else { ours.release() }
    }

    /// The next item; nil after the last one. The previous item must no longer be used: its memory is reused.
    ///
    /// - Throws: what the reader threw; then it must not be called again.
    func next() throws -> MCAPStreamReader.Item? {
        guard thread != nil else { return try reader.next() }
        if isJoined { return nil }
        isFilled.wait()
        let turn = slot.take()
        isEmptied.signal()
        switch turn {
        case .item(let item): return item
        case .failed(let error): throw error
        case nil: return nil
        }
    }

    /// Stops the reading and waits for the thread.
    ///
    /// - Returns: the damage found, and whether there was any MCAP data.
    func stop() -> (damages: [Damage], foundAnything: Bool) {
        if let thread, !isJoined {
            isStopped.store(true, ordering: .releasing)
            isEmptied.signal()
            pthread_join(thread, nil)
            isJoined = true
        }
        return (reader.damages, reader.foundAnything)
    }

    private func read() {
        while true {
            let turn: Turn?
            do {
                turn = try reader.next().map { .item($0) }
            } catch {
                turn = .failed(error)
            }
            let isLast = if case .item? = turn { false } else { true }
            slot = consume turn
            isFilled.signal()
            if isLast { return }
            isEmptied.wait()
            if isStopped.load(ordering: .acquiring) { return }
        }
    }
}

/// Starts at 0.
private final class ThreadSemaphore: @unchecked Sendable {
    // @unchecked: semaphores are thread-safe.
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() {
        while sem_wait(semaphore) != 0, errno == EINTR {}
    }
}
