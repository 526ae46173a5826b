/// Column widths: as wide as the widest cell so far, up to a limit, so that lines align without looking ahead.
struct LineColumns {
    private static let gap = "  "

    /// As long as the channel of a node's acks with a machine name of 16 characters. Lines of a pipe are whole.
    private static let longestSignal = 64

    private var id = 5
    private var signal = 16
    private var call = 24
    private var size = 7

    /// The cells of one line, plain text.
    struct Cells {
        var time: String
        var id: String
        var signal: String
        var call: String
        var size: String
    }

    enum Column { case time, id, signal, call, size }

    /// - Parameters:
    ///   - width: total columns; nil for unlimited.
    ///   - callIsLast: the call takes the rest of the line after the size, as it does with values.
    /// - Returns: each cell with its padding, in line order.
    mutating func line(_ cells: Cells, width: Int?, callIsLast: Bool) -> [(
        column: Column, before: String, text: String
    )] {
        var parts: [(column: Column, before: String, text: String)] = []
        var used = 0
        func add(_ column: Column, _ text: String, limit: Int?, alignedRightTo right: Int? = nil, space: Int = 0) {
            let gap = parts.isEmpty ? 0 : Self.gap.count + space
            var room = limit ?? .max
            if let width { room = min(room, width - used - gap) }
            let text = room == .max ? text : DisplayWidth.cut(text, to: room)
            guard !text.isEmpty else { return }
            let shown = DisplayWidth.of(text)
            let lead = max(0, (right ?? 0) - shown)
            // Right-aligned cells must not be pushed beyond the end.
            let before = width.map { min(gap + lead, max(0, $0 - used - shown)) } ?? gap + lead
            parts.append((column, String(repeating: " ", count: before), text))
            used += before + shown
        }
        id = max(id, min(20, cells.id.utf8.count))
        size = max(size, min(14, cells.size.utf8.count))
        let limits = limits(width: width, time: cells.time.utf8.count, callIsLast: callIsLast)
        signal = max(signal, min(limits.signal ?? Self.longestSignal, DisplayWidth.of(cells.signal)))
        if let most = limits.signal { signal = min(signal, most) }
        add(.time, cells.time, limit: nil)
        add(.id, cells.id, limit: nil, alignedRightTo: id)
        add(.signal, cells.signal, limit: limits.signal)
        let behindSignal = signal - DisplayWidth.of(parts.last?.text ?? "")
        if callIsLast {
            add(.size, cells.size, limit: nil, alignedRightTo: size + max(0, behindSignal))
            add(.call, cells.call, limit: nil)
        } else {
            let most = limits.call.map { max($0, $0 + (limits.signal ?? 0) - signal) }
            call = max(call, min(most ?? 48, DisplayWidth.of(cells.call)))
            if let most { call = min(call, most) }
            add(.call, cells.call, limit: most, space: max(0, behindSignal))
            let behindCall = call - DisplayWidth.of(parts.last?.text ?? "")
            add(.size, cells.size, limit: nil, alignedRightTo: size + max(0, behindCall))
        }
        return parts
    }

    /// Maximum widths of the names; nil for unlimited.
    private func limits(width: Int?, time: Int, callIsLast: Bool) -> (signal: Int?, call: Int?) {
        guard let width else { return (nil, nil) }
        let rest = max(0, width - time - id - size - 4 * Self.gap.count)
        // Beside values a signal gets less space, because it is the less interesting part.
        let signal = min(40, max(8, callIsLast ? rest / 3 : rest * 9 / 20))
        return (signal, max(8, rest - signal))
    }
}

/// The width of texts in terminal columns, and cutting to a width.
enum DisplayWidth {
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0xA4CF,
        0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x20000...0x3FFFD,
    ]

    static func of(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.unicodeScalars.reduce(0) { $0 + width(of: $1) }
    }

    private static func width(of scalar: Unicode.Scalar) -> Int {
        guard scalar.value >= 0x300 else { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return scalar.properties.isEmojiPresentation || wide.contains { $0.contains(scalar.value) } ? 2 : 1
        }
    }

    /// The text if it fits, else its beginning followed by `…`; at most `columns` wide.
    static func cut(_ text: String, to columns: Int) -> String {
        guard columns > 0 else { return "" }
        // Each column takes at least a byte, so most lines need not be measured completely.
        if text.utf8.count <= columns || of(text) <= columns { return text }
        var kept = String.UnicodeScalarView()
        var room = columns - 1
        for scalar in text.unicodeScalars {
            room -= width(of: scalar)
            guard room >= 0 else { break }
            kept.append(scalar)
        }
        return String(kept) + "…"
    }
}
