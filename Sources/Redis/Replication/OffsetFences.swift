/// Callers waiting until a stream has passed an offset.
struct OffsetFences {
    typealias Caller = (_ isPassed: Bool) -> Void

    /// Ordered by offset; equal ones in order of arrival.
    private var waiting: [(number: Int, offset: Int64, caller: Caller)] = []
    private var last = 0

    /// - Returns: for ``remove(_:)``.
    mutating func add(_ offset: Int64, _ caller: @escaping Caller) -> Int {
        last += 1
        let index = waiting.firstIndex { $0.offset > offset } ?? waiting.endIndex
        waiting.insert((last, offset, caller), at: index)
        return last
    }

    /// - Returns: nil if it no longer waits.
    mutating func remove(_ number: Int) -> Caller? {
        waiting.firstIndex { $0.number == number }.map { waiting.remove(at: $0).caller }
    }

    /// Removes those whose offset is reached, in order.
    mutating func take(upTo offset: Int64) -> [Caller] {
        guard let first = waiting.first, first.offset <= offset else { return [] }
        let count = waiting.firstIndex { $0.offset > offset } ?? waiting.count
        defer { waiting.removeFirst(count) }
        return waiting[..<count].map(\.caller)
    }
}
