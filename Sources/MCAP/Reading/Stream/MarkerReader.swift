/// Reads markers, intact or not, and finds out to which file they belong.
struct MarkerReader {
    private let window: SourceWindow
    private let progress: ReadProgress
    private let files: FileParts
    private let markers: MarkerSearch
    private let check: LandingCheck
    private let loader: ChunkLoader
    private let messageIndexes: MessageIndexReader

    init(_ parts: ReaderParts) {
        window = parts.window
        progress = parts.progress
        files = parts.files
        markers = parts.markers
        check = parts.check
        loader = parts.loader
        messageIndexes = parts.messageIndexes
    }

    enum Outcome {
        case read
        /// It is damaged or belongs to another file.
        case unreadable
        /// There is another record.
        case noMarker
    }

    private var file: FilePart { files.current }

    /// Reads the record at the current position if it is a marker, intact or not.
    ///
    /// Markers have a fixed size, and a marker with a wrong opcode or length is recognized by its content: such damage
    /// loses nothing, reading continues after it.
    func read() throws -> Outcome {
        let position = progress.position
        guard let header = try window.bytes(at: position, count: Layout.recordHeader) else { return .noMarker }
        let opcode = header[0]
        let length = UInt64(littleEndian: header.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        let isMarker = opcode == Opcode.marker.rawValue
        guard isMarker || Opcode(rawValue: opcode) == nil else { return .noMarker }
        let hasSize = length == UInt64(Marker.contentSize)

        if let marker = try window.marker(at: position) {
            try adopt(marker)
            guard file.sync.map({ $0 == marker.sync }) ?? true else {
                passUnreadable()
                return .unreadable
            }
            try take(marker, isOdd: !isMarker || !hasSize)
            return .read
        }
        guard isMarker, hasSize || file.isMarked else { return .noMarker }
        guard end <= window.end else { throw RecordFault(reason: .truncated) }
        if hasSize { file.noteMarker() }
        passUnreadable()
        return .unreadable
    }

    /// Determines the file of a marker at a valid position.
    private func adopt(_ marker: Marker) throws {
        let position = progress.position
        guard let sync = file.sync else {
            if files.numbers[marker.sync] != nil {
                // A file seen before: its read chunks are known.
                files.enter(fileOf: marker, at: position)
                file.move(to: position &- marker.offset)
                progress.forgetCovered()
            } else if files.hasRoom, try file.isOver(in: progress.phase) || loader.isStranger(chunkAt: end) {
                enterFile(of: marker)
            }
            return
        }
        guard sync != marker.sync, files.hasRoom else { return }
        // If this file's marker was overwritten, the next one follows. Otherwise the rest of the file is gone.
        let known = try markers.next(from: position + 1)
        if let known, known.file == file.number, known.marker.ordinal == file.expectedOrdinal.map({ $0 &+ 1 }) {
            return
        }
        if files.numbers[marker.sync] == nil, progress.verified != position,
            try !check.isBelievable(marker, at: position, before: known)
        {
            // The marker is the payload of a message in a chunk with a wrong length or missing bytes.
            throw RecordFault(reason: .marker)
        }
        enterFile(of: marker)
    }

    private func enterFile(of marker: Marker) {
        messageIndexes.end()
        progress.report(at: progress.position, length: 0, .anotherFile, lost: 0)
        files.enter(fileOf: marker, at: progress.position)
        file.move(to: progress.position &- marker.offset)
        file.goOn(before: nil)
        progress.forgetCovered()
        progress.enter(.data)
    }

    /// - Parameter isOdd: whether its opcode or its length is wrong.
    private func take(_ marker: Marker, isOdd: Bool) throws {
        let position = progress.position
        var missing: Damage.Reason?
        if let expected = file.expectedOrdinal, expected != marker.ordinal, !file.isRead(marker.ordinal) {
            let reason = Damage.Reason.markersMissing(expected: expected, found: marker.ordinal)
            // The missing markers may be inside a record that was passed; the search from there includes these bytes.
            guard progress.verified == position else { throw RecordFault(reason: reason) }
            missing = reason
        }
        if isOdd { reportMarker() }
        if let missing { progress.report(at: position, length: 0, missing, lost: nil) }
        messageIndexes.end()
        if !progress.phase.isData {
            progress.report(
                at: position, length: 0, .unexpectedRecord(opcode: Opcode.marker.rawValue), lost: 0)
            progress.enter(.data)
        }
        let shift = position &- marker.offset
        if shift != file.shift {
            progress.report(at: position, length: 0, .moved(by: Int64(bitPattern: shift &- file.shift)), lost: 0)
            file.move(to: shift)
        }
        progress.compareCovered(with: marker)
        progress.noteLostChunk(nil)
        try progress.pass(until: end)
        progress.verify(until: progress.position)
        files.take(marker, endingAt: progress.position)
    }

    private func passUnreadable() {
        reportMarker()
        messageIndexes.end()
        progress.forgetCovered()
        file.passUnreadableMarker()
        progress.skip(until: end)
    }

    private func reportMarker() {
        progress.report(at: progress.position, length: UInt64(Marker.recordSize), .marker, lost: 0)
    }

    /// Of a marker at the current position.
    private var end: UInt64 { progress.position + UInt64(Marker.recordSize) }
}
