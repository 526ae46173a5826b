/// Sorts recordings of one Redis channel by id, each envelope once. Decision logic without I/O.
///
/// Ids ascend until the counter is set back, which starts a new epoch. Envelopes wait for the maximum clock difference
/// (the horizon), so that another relay's copy can be matched.
struct EnvelopeAligner {
    /// An envelope as contained in one or more inputs.
    struct Aligned: Equatable {
        var id: UInt64?
        /// The earliest of all inputs; nanoseconds since 1970.
        var receivedAt: UInt64
        var payload: [UInt8]
        /// The inputs that have it, as a bit set.
        var inputs: UInt64
        /// Another payload has the same id.
        var isConflict = false
        /// Preceding ids that no input has.
        var missing: ClosedRange<UInt64>?
        /// The last id before a counter reset directly before this envelope.
        var resetFrom: UInt64?

        fileprivate var epoch = 0
        /// The publisher's clock, identical in all inputs; nil if the payload has none.
        fileprivate var createdAt: UInt64?
    }

    /// The envelope arrived later than the horizon allows: the clocks differ by more.
    struct TooLate: Error, Equatable {
        let id: UInt64
    }

    private struct Input {
        var epoch: Int?
        var lastID: UInt64 = 0
    }

    private let horizon: UInt64
    private var inputs: [Input]
    /// By epoch and id.
    private var pending: [Aligned] = []
    private var withoutID: [Aligned] = []
    /// By epoch: when its first envelope was received and created.
    private var epochs: [(began: UInt64, createdAt: UInt64?)] = [(0, nil)]
    private var last: (epoch: Int, id: UInt64, createdAt: UInt64?)?

    /// - Parameters:
    ///   - inputs: 64 at most.
    ///   - horizon: in nanoseconds.
    init(inputs: Int, horizon: UInt64) {
        precondition((1...64).contains(inputs))
        self.horizon = horizon
        self.inputs = Array(repeating: Input(), count: inputs)
    }

    // MARK: - Adding envelopes

    /// - Parameter createdAt: the publisher's clock; nil if the payload has none.
    /// - Throws: ``TooLate``; then the caller must stop.
    mutating func add(
        id: UInt64?, receivedAt: UInt64, createdAt: UInt64? = nil, payload: [UInt8], from input: Int
    ) throws(TooLate) {
        var aligned = Aligned(id: id, receivedAt: receivedAt, payload: payload, inputs: 1 << UInt64(input))
        guard let id else { return addWithoutID(aligned) }
        aligned.createdAt = createdAt
        aligned.epoch = try epoch(of: aligned, id, input)
        inputs[input] = Input(epoch: aligned.epoch, lastID: id)
        if let last, aligned.epoch < last.epoch || aligned.epoch == last.epoch && id <= last.id {
            throw TooLate(id: id)
        }
        insert(aligned, id)
    }

    private mutating func insert(_ aligned: Aligned, _ id: UInt64) {
        var aligned = aligned
        var index = firstIndex(epoch: aligned.epoch, id: id)
        while index < pending.count, pending[index].epoch == aligned.epoch, pending[index].id == id {
            defer { index += 1 }
            if pending[index].payload == aligned.payload {
                guard pending[index].inputs & aligned.inputs == 0 else { continue }
                pending[index].inputs |= aligned.inputs
                pending[index].receivedAt = min(pending[index].receivedAt, aligned.receivedAt)
                return
            }
            pending[index].isConflict = true
            aligned.isConflict = true
        }
        pending.insert(aligned, at: index)
    }

    /// The position of this id among the waiting envelopes.
    private func firstIndex(epoch: Int, id: UInt64) -> Int {
        var (low, high) = (0, pending.count)
        while low < high {
            let middle = (low + high) / 2
            if (pending[middle].epoch, pending[middle].id ?? 0) < (epoch, id) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private mutating func addWithoutID(_ aligned: Aligned) {
        let index = withoutID.firstIndex {
            // A time can fall if a clock was set.
            let distance = max(aligned.receivedAt, $0.receivedAt) - min(aligned.receivedAt, $0.receivedAt)
            return $0.inputs & aligned.inputs == 0 && distance <= horizon
                && $0.payload == aligned.payload
        }
        guard let index else { return withoutID.append(aligned) }
        withoutID[index].inputs |= aligned.inputs
        withoutID[index].receivedAt = min(withoutID[index].receivedAt, aligned.receivedAt)
    }

    /// How often the counter had been set back when this id was assigned.
    private mutating func epoch(of aligned: Aligned, _ id: UInt64, _ input: Int) throws(TooLate) -> Int {
        let newest = epochs.count - 1
        guard let known = inputs[input].epoch else {
            guard let last, last.epoch == newest, id <= last.id else { return newest }
            // Either the counter was set back and no other input noticed, or this input's clock is behind: then the
            // envelope was created before what has left the window.
            if let createdAt = aligned.createdAt, let lastCreatedAt = last.createdAt, createdAt <= lastCreatedAt {
                throw TooLate(id: id)
            }
            return beginEpoch(with: aligned)
        }
        let fell = id < inputs[input].lastID
        if known == newest { return fell ? beginEpoch(with: aligned) : newest }
        // Other inputs have seen newer epochs begin. This one has not yet, or missed it.
        let possible = (fell ? known + 1 : known)...newest
        if possible.count == 1 || aligned.receivedAt > epochs[newest].began + horizon { return newest }
        if let same = possible.first(where: { isPending(aligned, id, epoch: $0) }) { return same }
        guard let createdAt = aligned.createdAt else { return possible.lowerBound }
        return possible.last { epochs[$0].createdAt.map { $0 <= createdAt } ?? false } ?? possible.lowerBound
    }

    /// Whether another input already has the same envelope.
    private func isPending(_ aligned: Aligned, _ id: UInt64, epoch: Int) -> Bool {
        pending[firstIndex(epoch: epoch, id: id)...].prefix { $0.epoch == epoch && $0.id == id }
            .contains { $0.payload == aligned.payload }
    }

    private mutating func beginEpoch(with first: Aligned) -> Int {
        epochs.append((first.receivedAt, first.createdAt))
        return epochs.count - 1
    }

    // MARK: - Removing envelopes

    /// Envelopes before this time, as far as their order is certain.
    ///
    /// - Parameter time: the newest receipt of all inputs, minus the horizon.
    mutating func release(before time: UInt64) -> [Aligned] {
        var released: [Aligned] = []
        var count = 0
        while count < pending.count, pending[count].receivedAt < time { count += 1 }
        for var aligned in pending[..<count] {
            note(&aligned)
            released.append(aligned)
        }
        pending.removeFirst(count)
        let old = withoutID.prefix { $0.receivedAt < time }
        released += old
        withoutID.removeFirst(old.count)
        return released
    }

    mutating func finish() -> [Aligned] { release(before: .max) }

    private mutating func note(_ aligned: inout Aligned) {
        guard let id = aligned.id else { return }
        if let last {
            if last.epoch != aligned.epoch {
                aligned.resetFrom = last.id
            } else if id > last.id, id - last.id > 1 {
                aligned.missing = (last.id + 1)...(id - 1)
            }
        }
        last = (aligned.epoch, id, aligned.createdAt)
    }
}
