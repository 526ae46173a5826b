/// Reads a file from its start to its end, checks all of it, and goes on after damage.
///
/// Needs no summary. Memory: one chunk, and some hundred bytes for each chunk read so far, which the summary is compared
/// with; of a stream not more than 65,536 are remembered. After damage it goes on at the next ``Marker``, wherever it
/// stands now, or at the next whole chunk; what it passed over is in ``damages``. Files that stand behind each other are
/// read one after the other. Checked are: the CRC and times of each chunk, message indexes against the messages, marker
/// CRCs over all that stands between chunks, the CRC of the data section if there is one, and the summary's CRC and
/// contents.
///
/// Files of other programs are read too: schemas and attachments are passed over, messages outside of chunks come as
/// chunks that are ``DecodedChunk/isLoose``. The private opcode 0x80 with 40 bytes is taken for a marker.
package final class MCAPStreamReader {
    /// What comes next in a file.
    package enum Item {
        /// Once for each file.
        case header(Header)
        case metadata(Metadata)
        case chunk(DecodedChunk)
        /// The last item.
        case end(Ending)
    }

    enum Phase {
        case start, header, data, summary
        /// Behind the end of a file.
        case behind(Ending)
        case ended

        var isData: Bool { if case .data = self { true } else { false } }
        var isHeader: Bool { if case .header = self { true } else { false } }
        var isSummary: Bool { if case .summary = self { true } else { false } }
        var isEnded: Bool { if case .ended = self { true } else { false } }
    }

    /// What is wrong so far, in the order of the file. Complete after the item `.end`.
    package internal(set) var damages: [Damage] = []
    /// Whether there was anything of an MCAP file so far.
    package internal(set) var foundAnything = false

    /// Which of the files that stand behind each other the last item is of, from 0.
    package var fileNumber: Int { file.number }

    let window: SourceWindow
    let limits: ReadLimits
    let tailMayGrow: Bool
    let decoder: ChunkDecoder

    var phase = Phase.start
    /// Where the next record begins.
    var position: UInt64 = 0
    /// Behind the last chunk or marker that is whole. What was passed since may have lied about its length.
    var verified: UInt64 = 0 { didSet { window.discard(before: verified) } }
    /// Of all bytes since the last chunk, or since the start of the file; nil if not known after damage.
    var gap: CRC32? = CRC32()
    var gapStart: UInt64 = 0
    /// The CRC of the data section needs a second pass, which a file gets once.
    var mayCheckDataEnd = true
    /// The message indexes at hand, from a chunk until the next record of another kind.
    var indexCheck: MessageIndexCheck?
    var summary = SummaryCheck(start: 0)
    /// Messages outside of chunks are read one by one up to here: together they could not be.
    var singlesUntil: UInt64 = 0

    /// The files met so far, by number; that of `file` is kept apart.
    var files = [FilePart(number: 0, start: 0)]
    /// The file being read.
    var file = FilePart(number: 0, start: 0)
    /// Where the last file begins whose magic was read.
    var lastFileStart: UInt64?
    /// Where the chunk says it is that could not be read: what stands in it may be payload.
    var shadow: Range<UInt64>?
    /// Behind this place nothing was found to go on from.
    var hasNoLandmarksBehind: UInt64?
    /// What the last search for a marker of a known file found, and from where it searched.
    var knownMarkerAhead: (from: UInt64, found: KnownMarker?)?
    /// Where reading last went on after damage: it always goes forward.
    var lastLanding: UInt64?
    /// Before this place nothing more is to be found.
    var searchedUntil: UInt64 = 0
    /// Bytes that searching looked at.
    var work: UInt64 = 0
    var fingerprints: Set<ChunkFingerprint> = []
    /// Read once a chunk needs them.
    var summaryChannels: [Channel]?

    var log: DataLog {
        _read { yield file.log }
        _modify { yield &file.log }
    }

    /// - Parameters:
    ///   - tailMayGrow: for a file that is being written. Read is what the source has now; a tail that is not whole yet
    ///     is no damage.
    ///   - readAhead: bytes to read from the source at once; few where only the start of a file is wanted.
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
    /// - Throws: what the source throws. Damage is not thrown but collected.
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
                // The rest of a stream is not waited for.
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

    /// True where a file that is being written has its trailer, which may be torn by a write under way. All before it
    /// is settled: file sizes only grow after the bytes are there.
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
        // A header may follow all the same; if none does, that is the next damage.
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

    /// What stands behind the end of a file: another one, or something of this one, where bytes were mixed up.
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

    /// Goes on behind `frame`, whose bytes belong to what the next marker covers.
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
