/// Puts the pieces of one reply together, in the order in which hiredis meets them.
///
/// hiredis' reader calls an object function for each element, depth first; an array announces its length before its
/// elements. So a stack of unfinished arrays is all the state there is.
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
            // Not reserved: the count comes from the wire, the elements have yet to.
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

    /// The whole reply, once; the builder is then ready for the next.
    mutating func take() -> RESPValue? {
        defer { finished = nil }
        return finished
    }
}
