/// Brings what several relays recorded of one Redis channel into the order of its ids, each envelope once. Decision logic
/// without I/O.
///
/// Ids ascend until the counter is set back: then another epoch begins. What is put in waits for as long as the clocks of
/// the relays may differ (the horizon), so that the same envelope of another relay still finds it.
struct EnvelopeAligner {
    /// An envelope as one or more of the inputs have it.
    struct Aligned: Equatable {
        var id: UInt64?
        /// The earliest of all inputs; nanoseconds since 1970.
        var receivedAt: UInt64
        var payload: [UInt8]
        /// Bit by bit, which inputs have it.
        var inputs: UInt64
        /// Another payload has the same id.
        var isConflict = false
        /// Ids before it that no input has.
        var missing: ClosedRange<UInt64>?
        /// The last id before the counter was set back, if it was just before this one.
        var resetFrom: UInt64?

        fileprivate var epoch = 0
    }

    /// It came later than the horizon allows: the clocks differ by more.
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
    private var epoch = 0
    private var epochBegan: UInt64 = 0
    private var last: (epoch: Int, id: UInt64)?

    /// - Parameters:
    ///   - inputs: 64 at most.
    ///   - horizon: in nanoseconds.
    init(inputs: Int, horizon: UInt64) {
        precondition((1...64).contains(inputs))
        self.horizon = horizon
        self.inputs = Array(repeating: Input(), count: inputs)
    }

    // MARK: - In

    /// - Throws: ``TooLate``; nothing of it is lost: the caller must not go on.
    mutating func add(id: UInt64?, receivedAt: UInt64, payload: [UInt8], from input: Int) throws(TooLate) {
        var aligned = Aligned(id: id, receivedAt: receivedAt, payload: payload, inputs: 1 << UInt64(input))
        guard let id else { return addWithoutID(aligned) }
        aligned.epoch = epoch(of: id, at: receivedAt, input)
        inputs[input] = Input(epoch: aligned.epoch, lastID: id)
        if let last, aligned.epoch < last.epoch || aligned.epoch == last.epoch && id <= last.id {
            throw TooLate(id: id)
        }
        insert(aligned, id)
    }

    private mutating func insert(_ aligned: Aligned, _ id: UInt64) {
        var aligned = aligned
        var index = pending.count
        while index > 0, (pending[index - 1].epoch, pending[index - 1].id ?? 0) > (aligned.epoch, id) { index -= 1 }
        // Those with the same id stand before it.
        var same = index
        while same > 0, pending[same - 1].epoch == aligned.epoch, pending[same - 1].id == id {
            same -= 1
            if pending[same].payload == aligned.payload {
                guard pending[same].inputs & aligned.inputs == 0 else { continue }
                pending[same].inputs |= aligned.inputs
                pending[same].receivedAt = min(pending[same].receivedAt, aligned.receivedAt)
                return
            }
            pending[same].isConflict = true
            aligned.isConflict = true
        }
        pending.insert(aligned, at: index)
    }

    private mutating func addWithoutID(_ aligned: Aligned) {
        let index = withoutID.firstIndex {
            // A clock that was set can let a time fall.
            let distance = max(aligned.receivedAt, $0.receivedAt) - min(aligned.receivedAt, $0.receivedAt)
            return $0.inputs & aligned.inputs == 0 && distance <= horizon
                && $0.payload == aligned.payload
        }
        guard let index else { return withoutID.append(aligned) }
        withoutID[index].inputs |= aligned.inputs
        withoutID[index].receivedAt = min(withoutID[index].receivedAt, aligned.receivedAt)
    }

    /// How often the counter had been set back when this id was given.
    private mutating func epoch(of id: UInt64, at time: UInt64, _ input: Int) -> Int {
        guard let known = inputs[input].epoch else {
            // What has left the window is older than anything of the same epoch that can still come.
            if let last, last.epoch == epoch, id <= last.id { beginEpoch(at: time) }
            return epoch
        }
        if known < epoch {
            // This input does not know yet that a new one has begun, or has slept through it.
            if id < inputs[input].lastID || time > epochBegan + horizon { return epoch }
            return known
        }
        if id < inputs[input].lastID { beginEpoch(at: time) }
        return epoch
    }

    private mutating func beginEpoch(at time: UInt64) {
        epoch += 1
        epochBegan = time
    }

    // MARK: - Out

    /// What came before this time, as far as its order is certain.
    ///
    /// - Parameter time: the newest receipt of all inputs, less the horizon.
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
        last = (aligned.epoch, id)
    }
}
