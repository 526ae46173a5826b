extension MCAPStreamReader {
    /// True once a valid marker was seen: the file is ours, and nothing unknown may stand in it.
    var isMarked: Bool { log.lastMarker != nil }

    /// Reads the record at `position` if it is a marker, whole or not.
    ///
    /// Markers have one size, and a marker with a wrong opcode or length is still known by its content: such damage
    /// loses nothing, what stands behind is read without it.
    ///
    /// - Returns: false if something else stands there.
    func readMarker() throws -> Bool {
        guard let header = try window.bytes(at: position, count: Layout.recordHeader) else { return false }
        let opcode = header[0]
        let length = UInt64(littleEndian: header.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        let isMarker = opcode == Opcode.marker.rawValue
        guard isMarker || Opcode(rawValue: opcode) == nil else { return false }
        let hasSize = length == UInt64(Marker.contentSize)

        if let marker = try window.marker(at: position) {
            let isOurs = log.lastMarker.map { $0.sync == marker.sync } ?? true
            if !isMarker || !hasSize || !isOurs { reportMarker() }
            if isOurs { try take(marker) } else { passUnreadableMarker() }
            return true
        }
        guard isMarker, hasSize || isMarked else { return false }
        guard markerFrame.end <= window.end else { throw RecordFault(reason: .truncated) }
        reportMarker()
        passUnreadableMarker()
        return true
    }

    private func take(_ marker: Marker) throws {
        if let expected = expectedOrdinal, expected != marker.ordinal {
            let reason = Damage.Reason.markersMissing(expected: expected, found: marker.ordinal)
            // They may be hidden in a record that was passed.
            guard verified == position else { throw RecordFault(reason: reason) }
            report(at: position, length: 0, reason, lost: nil)
        }
        endMessageIndexes()
        if phase != .data {
            report(at: position, length: 0, .unexpectedRecord(opcode: Opcode.marker.rawValue), lost: 0)
            phase = .data
        }
        if let actual = gap?.value, actual != marker.precedingCRC {
            report(
                at: gapStart, length: position - gapStart,
                .precedingCRC(expected: marker.precedingCRC, actual: actual), lost: 0)
            gap = nil
        }
        log.add(marker)
        expectedOrdinal = marker.ordinal &+ 1
        try pass(markerFrame)
        verified = position
    }

    private func passUnreadableMarker() {
        endMessageIndexes()
        gap = nil
        expectedOrdinal = expectedOrdinal.map { $0 &+ 1 }
        position = markerFrame.end
    }

    private func reportMarker() {
        report(at: position, length: UInt64(Marker.recordSize), .marker, lost: 0)
    }

    private var markerFrame: RecordFrame {
        RecordFrame(opcode: Opcode.marker.rawValue, start: position, length: UInt64(Marker.contentSize))
    }
}
