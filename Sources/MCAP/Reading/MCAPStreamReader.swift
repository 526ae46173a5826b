/// Reads a file from its start to its end, checks all of it, and goes on after damage.
///
/// Needs no summary. Memory: one chunk, and some hundred bytes for each chunk read so far, which the summary is compared
/// with. After damage it goes on at the next valid ``Marker``; what it passed over is in ``damages``. Checked are: the
/// CRC and times of each chunk, message indexes against the messages, marker CRCs over all that stands between chunks,
/// the CRC of the data section if there is one, and the summary's CRC and contents.
///
/// Files of other programs are read too: lz4 chunks and messages outside of chunks are reported as ``Damage`` that says
/// so, schemas and attachments are passed over. The private opcode 0x80 with 40 bytes is taken for a marker.
public final class MCAPStreamReader {
    public enum Item {
        case header(Header)
        case metadata(Metadata)
        case chunk(DecodedChunk)
        /// The last item.
        case end(Ending)
    }

    enum Phase { case start, header, data, summary, ended }

    /// What is wrong so far, in the order of the file. Complete after the item `.end`.
    public internal(set) var damages: [Damage] = []

    let window: SourceWindow
    let limits: ReadLimits
    let tailMayGrow: Bool
    let decoder: ChunkDecoder

    var phase = Phase.start
    /// Where the next record begins.
    var position: UInt64 = 0
    var log = DataLog()
    /// Behind the last chunk or marker that is whole. What was passed since may have lied about its length.
    var verified: UInt64 = 0
    /// Of all bytes since the last chunk, or since the start of the file; nil if not known after damage.
    var gap: CRC32? = CRC32()
    var gapStart: UInt64 = 0
    /// False once a search found no more: damage must not cost a search of the whole rest each time.
    var hasMarkersAhead = true
    /// The CRC of the data section needs a second pass, which a file gets once.
    var mayCheckDataEnd = true
    /// Of the next marker; nil if not known after damage.
    var expectedOrdinal: UInt64? = 0
    /// The message indexes at hand, from a chunk until the next record of another kind.
    var indexCheck: MessageIndexCheck?
    var summary = SummaryCheck(start: 0)

    /// - Parameters:
    ///   - tailMayGrow: for a file that is being written. Read is what the source has now; a tail that is not whole yet
    ///     is no damage.
    ///   - readAhead: bytes to read from the source at once; few where only the start of a file is wanted.
    public init(
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
    public func next() throws -> Item? {
        while phase != .ended {
            if damages.count >= limits.maximumDamages {
                report(at: position, length: window.end - min(position, window.end), .tooManyDamages, lost: nil)
                return finish(.cut)
            }
            do {
                if let item = try step() { return item }
            } catch let fault as RecordFault {
                if let item = try recover(from: fault) { return item }
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
            if tailMayGrow, phase != .summary, isWithinTrailer { return finish(.unclosed) }
            if try readMarker() { return nil }
            guard let frame = try window.frame(at: position) else {
                throw RecordFault(reason: .truncated)
            }
            return phase == .summary ? try readSummary(frame) : try readData(frame)
        case .ended:
            return nil
        }
    }

    /// True where a file that is being written has its trailer, which may be torn by a write under way. All before it
    /// is settled: file sizes only grow after the bytes are there.
    private var isWithinTrailer: Bool { window.end - min(position, window.end) <= UInt64(Layout.trailer) }

    private func readLeadingMagic() throws {
        let magicSize = Layout.magic.count
        guard let magic = try window.bytes(at: 0, count: magicSize) else {
            phase = .header
            throw RecordFault(reason: .truncated)
        }
        // A header may follow all the same; if none does, that is the next damage.
        if !magic.elementsEqual(Layout.magic) { report(at: 0, length: UInt64(magicSize), .leadingMagic, lost: 0) }
        gap?.update(magic)
        position = UInt64(magicSize)
        phase = .header
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

    /// Goes on at the next marker. In a file of another program, which has none: behind the record, if it seems to end.
    private func recover(from fault: RecordFault) throws -> Item? {
        // A record with a wrong length may have hidden a marker: look from where all was well.
        let searched = verified < position ? verified : position + 1
        if hasMarkersAhead, let marker = try window.nextMarker(from: searched, sync: log.lastMarker?.sync) {
            let start = marker < position ? verified : position
            report(at: start, length: marker - start, fault.reason, lost: nil)
            goOn(at: marker, .data)
            return nil
        }
        // Later searches would begin later: none of them can find one either.
        hasMarkersAhead = false
        if !isMarked, let end = try window.frame(at: position)?.end {
            report(at: position, length: end - position, fault.reason, lost: nil)
            goOn(at: end, phase == .summary ? .summary : .data)
            return nil
        }
        if tailMayGrow, fault.reason == .truncated { return finish(.unclosed) }
        let lost: Int? = phase == .summary ? 0 : nil
        report(at: position, length: window.end - min(position, window.end), fault.reason, lost: lost)
        return finish(.cut)
    }

    private func goOn(at offset: UInt64, _ phase: Phase) {
        position = offset
        self.phase = phase
        gap = nil
        expectedOrdinal = nil
        indexCheck = nil
    }

    func finish(_ ending: Ending) -> Item {
        phase = .ended
        return .end(ending)
    }
}
