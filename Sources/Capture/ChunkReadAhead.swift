import MCAP
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads a file on a thread of its own, one item ahead: a chunk is checked and uncompressed while the one before it is
/// worked on. Without a thread to be had, it reads when it is asked.
final class ChunkReadAhead: @unchecked Sendable {
    // @unchecked: `reader` belongs to the reading thread until it is joined, `slot` to it from `isEmptied` to `isFilled`,
    // and to whoever calls next() the rest of the time.

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

    /// What comes next; nil behind the last item. The item before it must have been let go: its memory is used again.
    ///
    /// - Throws: what the reader threw, and then nothing more may be asked for.
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

    /// Ends the reading, wherever it is, and waits for that.
    ///
    /// - Returns: what was wrong with what was read, and whether there was anything of MCAP.
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

/// Counts from 0.
private final class ThreadSemaphore: @unchecked Sendable {
    // @unchecked: made for several threads.
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
