/// Reads a file from start to end, checks everything, and continues after damage.
///
/// Needs no summary. Memory: one chunk, and a few hundred bytes per chunk read, for comparison with the summary; at
/// most 65,536 chunks of a stream are kept. After damage it continues at the next ``Marker``, wherever that is now, or
/// at the next intact chunk; skipped data is in ``damages``. Concatenated files are read one after the other. It checks
/// the CRC and times of each chunk, message indexes against messages, marker CRCs over everything between chunks, the
/// CRC of the data section if present, and the CRC and contents of the summary.
///
/// Files of other programs are read too: schemas and attachments are skipped, messages outside chunks are returned as
/// ``DecodedChunk/isLoose`` chunks. The private opcode 0x80 with 40 bytes is taken for a marker.
package final class MCAPStreamReader {
    /// What comes next in a file.
    package enum Item {
        /// Once per file.
        case header(Header)
        case metadata(Metadata)
        case chunk(DecodedChunk)
        /// The last item.
        case end(Ending)
    }

    private let window: SourceWindow
    private let progress: ReadProgress
    private let files: FileParts
    private let resynchronizer: Resynchronizer
    private let messageIndexes: MessageIndexReader
    private let markerReader: MarkerReader
    private let dataReader: DataReader
    private let summaryReader: SummaryReader
    private let tailMayGrow: Bool

    /// Whether any MCAP data was found so far.
    package private(set) var foundAnything = false
    /// Damage found so far, in file order. Complete after `.end`.
    package var damages: [Damage] { progress.damages.all }
    /// Number of the last item's file among concatenated files, from 0.
    package var fileNumber: Int { files.current.number }
    /// What was seen of the last file.
    var log: DataLog { files.current.log }
    /// What was seen of each file.
    var allLogs: [DataLog] { files.logs }

    /// - Parameters:
    ///   - tailMayGrow: for a file that is being written. Reads what the source has now; an incomplete tail is not
    ///     damage.
    ///   - readAhead: bytes to read from the source at once; few if only the start of a file is needed.
    package init(
        _ source: any ByteSource, limits: ReadLimits = ReadLimits(), tailMayGrow: Bool = false, readAhead: Int = 1 << 17
    ) {
        let parts = ReaderParts(SourceWindow(source, limits: limits, readAhead: readAhead))
        window = parts.window
        progress = parts.progress
        files = parts.files
        resynchronizer = parts.resynchronizer
        messageIndexes = parts.messageIndexes
        markerReader = MarkerReader(parts)
        summaryReader = SummaryReader(parts.progress, parts.files)
        dataReader = DataReader(parts, summaryReader)
        self.tailMayGrow = tailMayGrow
    }

    /// The next item; nil after `.end`.
    ///
    /// - Throws: errors of the source. Damage is collected, not thrown.
    package func next() throws -> Item? {
        while !progress.phase.isEnded {
            do {
                guard progress.damages.count < window.limits.maximumDamages else {
                    throw RecordFault(reason: .tooManyDamages)
                }
                do {
                    if let item = try readRecord() { return item }
                } catch let fault as RecordFault {
                    if let item = try goOn(after: fault) { return item }
                }
            } catch let fault as RecordFault {
                // The rest of a stream is not awaited.
                let end = window.isEndKnown ? window.end : progress.position
                report(length: end - min(progress.position, end), fault.reason)
                return finish(.cut)
            }
        }
        return nil
    }

    private func readRecord() throws -> Item? {
        switch progress.phase {
        case .start: try readMagic()
        case .header, .data:
            guard !isWithinTrailer else { return finish(.unclosed) }
            if try readMarker() { return nil }
            let item = try dataReader.read(try frame())
            switch item {
            case .header?, .chunk?: foundAnything = true
            default: break
            }
            return item
        case .summary:
            if try !readMarker() { try summaryReader.read(try frame()) }
        case .behind(let ending): return try goOn(behind: ending)
        case .ended: break
        }
        return nil
    }

    private func frame() throws -> RecordFrame {
        guard let frame = try window.frame(at: progress.position) else { throw RecordFault(reason: .truncated) }
        return frame
    }

    /// True in the trailer of a file that is being written, where a write may be in progress. Everything before it is
    /// final: the size grows only after the bytes are written.
    private var isWithinTrailer: Bool {
        tailMayGrow && window.end - min(progress.position, window.end) <= UInt64(Layout.trailer)
    }

    private func readMagic() throws {
        let (position, size) = (progress.position, Layout.magic.count)
        guard let magic = try window.bytes(at: position, count: size) else {
            progress.enter(.header)
            if let rest = try window.piece(at: position, atLeast: 1, limit: size), !rest.isEmpty {
                foundAnything = foundAnything || Layout.magic.starts(with: rest)
            }
            throw RecordFault(reason: .truncated)
        }
        if magic.elementsEqual(Layout.magic) {
            foundAnything = true
            files.noteStart(at: position)
        } else {
            // A header may follow anyway; if not, that is the next damage.
            progress.report(at: position, length: UInt64(size), .leadingMagic, lost: 0)
        }
        try progress.pass(until: position + UInt64(size))
        progress.enter(.header)
    }

    /// - Returns: false if there is another record.
    private func readMarker() throws -> Bool {
        switch try markerReader.read() {
        case .read: foundAnything = true
        case .unreadable: break
        case .noMarker: return false
        }
        return true
    }

    private func finish(_ ending: Ending) -> Item {
        progress.enter(.ended)
        return .end(ending)
    }

    // MARK: - Going on

    /// Begins with what follows the end of a file: another file, or part of this one if bytes were reordered.
    private func goOn(behind ending: Ending) throws -> Item? {
        let position = progress.position
        if try window.isEnd(position) { return finish(ending) }
        if files.hasRoom, try window.isFileStart(at: position) {
            report(length: 0, .anotherFile, lost: 0)
            begin(at: position)
            return nil
        }
        guard let landing = try resynchronizer.landing(from: position) else {
            report(length: try window.readRest(from: position), .trailingBytes)
            return finish(ending)
        }
        report(length: landing.offset - position, .trailingBytes)
        land(on: landing)
        return nil
    }

    /// Continues at the next trustworthy place after a record that cannot be read.
    private func goOn(after fault: RecordFault) throws -> Item? {
        if fault.reason == .tooManyDamages { throw fault }
        let position = progress.position
        try noteLostChunk()
        if files.mayBegin(at: position), try window.isFileStart(at: position) {
            messageIndexes.end()
            report(length: 0, .truncated)
            land(on: .file(at: position))
            return nil
        }
        switch try resynchronizer.continuation(after: fault.reason) {
        case .landing(let landing):
            var (start, reason) = (position, fault.reason)
            if landing.offset < position {
                // The damage began before this record.
                let first = progress.takeBackUnverified()
                start = min(first?.offset ?? progress.verified, landing.offset)
                reason = first?.reason ?? reason
            }
            progress.report(at: start, length: landing.offset - start, reason, lost: nil)
            land(on: landing)
        case .behind(let end):
            report(length: end - position, fault.reason)
            goOn(at: end, in: progress.phase)
        case .nowhere:
            if tailMayGrow, fault.reason == .truncated { return finish(.unclosed) }
            let lost: Int? = progress.phase.isSummary ? 0 : nil
            report(length: try window.readRest(from: position), fault.reason, lost: lost)
            return finish(.cut)
        }
        return nil
    }

    /// If the record is a chunk, what is found inside it may be payload, unless the chunk's length is wrong.
    private func noteLostChunk() throws {
        let position = progress.position
        guard let claim = try window.claimOfChunk(at: position) else { return }
        let isFramed =
            try files.current.isMarked || claim.end > window.end
            || window.isOrderlyRecord(at: claim.end, allowingMessages: false)
        progress.noteLostChunk(isFramed ? position..<claim.end : nil)
    }

    private func land(on landing: Landing) {
        let offset = landing.offset
        progress.land(at: offset)
        messageIndexes.drop()
        var nextOrdinal: UInt64?
        switch landing {
        case .file:
            // The bytes before it are not part of a file, or of another one.
            if !files.current.isUntouched || files.count > 1 {
                progress.report(at: offset, length: 0, .anotherFile, lost: 0)
            }
            return begin(at: offset)
        case .marker(let marker, _):
            if let sync = files.current.sync {
                if sync != marker.sync { files.enter(fileOf: marker, at: offset) }
            } else if files.current.isOver(in: progress.phase) {
                progress.report(at: offset, length: 0, .anotherFile, lost: 0)
                files.enter(fileOf: marker, at: offset)
            }
        case .stranger(let number, _):
            progress.report(at: offset, length: 0, .anotherFile, lost: 0)
            files.enter(number, at: offset)
            foundAnything = true
        case .chunk(_, let ordinal):
            nextOrdinal = ordinal
            foundAnything = true
        }
        goOn(at: offset, in: .data, before: nextOrdinal)
        progress.verify(until: offset)
    }

    /// Continues elsewhere.
    ///
    /// - Parameter ordinal: of the next marker; nil if it is not known.
    private func goOn(at offset: UInt64, in phase: ReadProgress.Phase, before ordinal: UInt64? = nil) {
        progress.goOn(at: offset, in: phase)
        files.current.goOn(before: ordinal)
        messageIndexes.drop()
    }

    /// Starts with the file at `offset`.
    private func begin(at offset: UInt64) {
        messageIndexes.end()
        files.begin(at: offset)
        progress.begin(at: offset)
        dataReader.begin()
    }

    /// Reports damage at the current position.
    private func report(length: UInt64, _ reason: Damage.Reason, lost: Int? = nil) {
        progress.report(at: progress.position, length: length, reason, lost: lost)
    }
}

/// How a file ends.
package enum Ending: Equatable, Sendable {
    /// With a summary.
    case closed
    /// With a trailer but no summary: it is being written, or its writer died between two chunks.
    case unclosed
    /// In the middle of a record: the writer, the disk or a copy was cut off.
    case cut
}
