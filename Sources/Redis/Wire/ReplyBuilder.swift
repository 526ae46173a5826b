/// Assembles one reply from its elements, in hiredis' order.
///
/// hiredis' reader calls an object function for each element, depth first; an array announces its length before its
/// elements. So a stack of unfinished arrays is the whole state.
struct ReplyBuilder {
    private struct OpenArray {
        var missing: Int
        var elements: [RESPValue]
    }

    private var open: [OpenArray] = []
    private(set) var finished: RESPValue?

    mutating func startArray(count: Int) {
        if count <= 0 {
            add(.array([]))
        } else {
            // Not reserved: the count is from the wire, the elements have not arrived.
            open.append(OpenArray(missing: count, elements: []))
        }
    }

    mutating func add(_ value: RESPValue) {
        var value = value
        while !open.isEmpty {
            let top = open.count - 1
            open[top].elements.append(value)
            open[top].missing -= 1
            guard open[top].missing == 0 else { return }
            value = .array(open.removeLast().elements)
        }
        finished = value
    }

    /// Returns the whole reply, once; the builder is then ready for the next.
    mutating func take() -> RESPValue? {
        defer { finished = nil }
        return finished
    }
}
