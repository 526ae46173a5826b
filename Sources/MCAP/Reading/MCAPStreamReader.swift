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

    enum Phase {
        case start, header, data, summary
        /// After the end of a file.
        case behind(Ending)
        case ended

        var isData: Bool { if case .data = self { true } else { false } }
        var isHeader: Bool { if case .header = self { true } else { false } }
        var isSummary: Bool { if case .summary = self { true } else { false } }
        var isEnded: Bool { if case .ended = self { true } else { false } }
    }

    /// Damage found so far, in file order. Complete after `.end`.
    package internal(set) var damages: [Damage] = []
    /// Whether any MCAP data was found so far.
    package internal(set) var foundAnything = false

    /// Number of the last item's file among concatenated files, from 0.
    package var fileNumber: Int { file.number }

    let window: SourceWindow
    let limits: ReadLimits
    let tailMayGrow: Bool
    let decoder: ChunkDecoder

    var phase = Phase.start
    /// Where the next record begins.
    var position: UInt64 = 0
    /// The end of the last intact chunk or marker. Records skipped since may have a wrong length.
    var verified: UInt64 = 0 { didSet { window.discard(before: verified) } }
    /// CRC of all bytes since the last chunk, or since the start of the file; nil if unknown after damage.
    var gap: CRC32? = CRC32()
    var gapStart: UInt64 = 0
    /// The CRC of the data section needs a second pass, at most once per file.
    var mayCheckDataEnd = true
    /// The current message indexes, from a chunk until the next record of another kind.
    var indexCheck: MessageIndexCheck?
    var summary = SummaryCheck(start: 0)
    /// Messages outside chunks are read singly up to here, because reading them together failed.
    var singlesUntil: UInt64 = 0

    /// The files seen so far, by number; the current one is in `file`.
    var files = [FilePart(number: 0, start: 0)]
    /// The file being read.
    var file = FilePart(number: 0, start: 0)
    /// Start of the last file whose magic was read.
    var lastFileStart: UInt64?
    /// Claimed range of the chunk that could not be read: its contents may be payload.
    var shadow: Range<UInt64>?
    /// After this position there is no place to continue.
    var hasNoLandmarksBehind: UInt64?
    /// Start and result of the last search for a known marker.
    var knownMarkerAhead: (from: UInt64, found: KnownMarker?)?
    /// Where reading last continued after damage; it never goes back.
    var lastLanding: UInt64?
    /// Nothing more will be found before this position.
    var searchedUntil: UInt64 = 0
    /// Bytes examined while searching.
    var work: UInt64 = 0
    var fingerprints: Set<ChunkFingerprint> = []
    /// Read when a chunk needs them.
    var summaryChannels: [Channel]?

    var log: DataLog {
        _read { yield file.log }
        _modify { yield &file.log }
    }

    /// - Parameters:
    ///   - tailMayGrow: for a file that is being written. Reads what the source has now; an incomplete tail is not
    ///     damage.
    ///   - readAhead: bytes to read from the source at once; few if only the start of a file is needed.
    package init(
        _ source: any ByteSource, limits: ReadLimits = ReadLimits(), tailMayGrow: Bool = false, readAhead: Int = 1 << 17
    ) {
        window = SourceWindow(source, readAhead: readAhead)
        self.limits = limits
        self.tailMayGrow = tailMayGrow
        decoder = ChunkDecoder(limits: limits)
    }

    /// The next item; nil after `.end`.
    ///
    /// - Throws: errors of the source. Damage is collected, not thrown.
    package func next() throws -> Item? {
        while !phase.isEnded {
            do {
                guard damages.count < limits.maximumDamages else { throw RecordFault(reason: .tooManyDamages) }
                do {
                    if let item = try step() { return item }
                } catch let fault as RecordFault {
                    if let item = try recover(from: fault) { return item }
                }
            } catch let fault as RecordFault {
                // The rest of a stream is not awaited.
                let end = window.isEndKnown ? window.end : position
                report(at: position, length: end - min(position, end), fault.reason, lost: nil)
                return finish(.cut)
            }
        }
        return nil
    }

    /// Reads one record.
    private func step() throws -> Item? {
        switch phase {
        case .start:
            try readLeadingMagic()
            return nil
        case .header, .data, .summary:
            if tailMayGrow, !phase.isSummary, isWithinTrailer { return finish(.unclosed) }
            if try readMarker() { return nil }
            guard let frame = try window.frame(at: position) else {
                throw RecordFault(reason: .truncated)
            }
            return phase.isSummary ? try readSummary(frame) : try readData(frame)
        case .behind(let ending):
            return try goOnBehind(ending)
        case .ended:
            return nil
        }
    }

    /// True in the trailer of a file that is being written, where a write may be in progress. Everything before it is
    /// final: the size grows only after the bytes are written.
    private var isWithinTrailer: Bool { window.end - min(position, window.end) <= UInt64(Layout.trailer) }

    private func readLeadingMagic() throws {
        let magicSize = Layout.magic.count
        guard let magic = try window.bytes(at: position, count: magicSize) else {
            phase = .header
            if let rest = try window.piece(at: position, atLeast: 1, limit: magicSize), !rest.isEmpty {
                foundAnything = foundAnything || Layout.magic.starts(with: rest)
            }
            throw RecordFault(reason: .truncated)
        }
        // A header may follow anyway; if not, that is the next damage.
        if magic.elementsEqual(Layout.magic) {
            foundAnything = true
            lastFileStart = position
        } else {
            report(at: position, length: UInt64(magicSize), .leadingMagic, lost: 0)
        }
        gap?.update(magic)
        position += UInt64(magicSize)
        phase = .header
    }

    /// What follows the end of a file: another file, or part of this one if bytes were reordered.
    private func goOnBehind(_ ending: Ending) throws -> Item? {
        if try window.isEnd(position) { return finish(ending) }
        if files.count < FilePart.limit, try window.isFileStart(at: position) {
            report(at: position, length: 0, .anotherFile, lost: 0)
            begin(at: position)
            return nil
        }
        guard let landing = try resynchronize(from: position) else {
            report(at: position, length: try rest(from: position), .trailingBytes, lost: nil)
            return finish(ending)
        }
        report(at: position, length: landing.offset - position, .trailingBytes, lost: nil)
        try land(on: landing)
        return nil
    }

    // MARK: - Going on

    /// Continues after `frame`, whose bytes are covered by the next marker.
    func pass(_ frame: RecordFrame) throws {
        if var crc = gap {
            guard try window.forEachPiece(in: frame.start..<frame.end, { crc.update($0) }) else {
                throw RecordFault(reason: .truncated)
            }
            gap = crc
        }
        position = frame.end
    }

    func report(at offset: UInt64, length: UInt64, _ reason: Damage.Reason, lost: Int?) {
        damages.append(Damage(offset: offset, length: length, reason: reason, messagesLost: lost))
    }

    func finish(_ ending: Ending) -> Item {
        phase = .ended
        return .end(ending)
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

/// What a reader refuses to load into memory.
package struct ReadLimits: Sendable {
    /// Bytes of one record, and of a whole summary section.
    package var maximumRecordSize: UInt64
    /// Bytes of one chunk's records, decompressed; at most 4 GiB, so that its message indexes can be written.
    package var maximumChunkSize: UInt64
    /// Number of damaged places after which reading stops.
    package var maximumDamages: Int

    /// Limits against hostile files; the defaults are those of the product.
    package init(
        maximumRecordSize: UInt64 = 1 << 30, maximumChunkSize: UInt64 = 1 << 30, maximumDamages: Int = 10_000
    ) {
        self.maximumRecordSize = maximumRecordSize
        self.maximumChunkSize = min(maximumChunkSize, UInt64(UInt32.max))
        self.maximumDamages = maximumDamages
    }
}
