/// How far a source was read: every byte before `position` was read, or is in the damage list.
///
/// Also the checksum of the bytes that the next marker covers, and the work that damage caused.
final class ReadProgress {
    enum Phase {
        case start, header, data, summary
        /// After the end of a file.
        case behind(Ending)
        case ended

        var isData: Bool { if case .data = self { true } else { false } }
        var isHeader: Bool { if case .header = self { true } else { false } }
        var isSummary: Bool { if case .summary = self { true } else { false } }
        var isEnded: Bool { if case .ended = self { true } else { false } }
        /// True where the current file cannot have a chunk: nothing there is a payload of its messages.
        var isBehindData: Bool {
            switch self {
            case .summary, .behind: true
            default: false
            }
        }
    }

    let window: SourceWindow
    private(set) var phase = Phase.start
    /// Where the next record begins.
    private(set) var position: UInt64 = 0
    /// The end of the last intact chunk or marker. Records skipped since may have a wrong length.
    private(set) var verified: UInt64 = 0 { didSet { window.discard(before: verified) } }
    /// Where reading last continued after damage; it never goes back.
    private(set) var lastLanding: UInt64?
    /// Claimed range of the chunk that could not be read: its contents may be payload.
    private(set) var lostChunk: Range<UInt64>?
    /// The last message outside chunks: what is found inside it may be its payload.
    private(set) var looseMessage: Range<UInt64>?
    private(set) var damages = DamageList()

    /// CRC of all bytes since the last chunk, or since the start of the file; nil if unknown after damage.
    private var covered: CRC32? = CRC32()
    private var coveredStart: UInt64 = 0
    /// Bytes examined because of damage.
    private var work: UInt64 = 0

    init(_ window: SourceWindow) {
        self.window = window
    }

    // MARK: - Going on

    /// Continues at `end`; the next marker covers the bytes before it.
    func pass(until end: UInt64) throws {
        if var crc = covered {
            guard try window.forEachPiece(in: position..<end, { crc.update($0) }) else {
                throw RecordFault(reason: .truncated)
            }
            covered = crc
        }
        position = end
    }

    /// Continues at `end`; the next marker covers what follows.
    func passChunk(until end: UInt64) {
        position = end
        covered = CRC32()
        coveredStart = end
    }

    /// Continues at `end`, behind bytes that no marker covers.
    func skip(until end: UInt64) { position = end }

    /// Nothing before `end` will be searched.
    func verify(until end: UInt64) { verified = end }

    func enter(_ phase: Phase) { self.phase = phase }

    /// Starts with the file at `offset`.
    func begin(at offset: UInt64) {
        phase = .start
        position = offset
        verified = offset
        lostChunk = nil
        covered = CRC32()
        coveredStart = offset
    }

    /// Continues after damage.
    func goOn(at offset: UInt64, in phase: Phase) {
        position = offset
        self.phase = phase
        covered = nil
    }

    /// Reading continues at a trustworthy place.
    func land(at offset: UInt64) {
        lastLanding = offset
        lostChunk = nil
    }

    /// - Parameter range: nil once its contents cannot be payload any more.
    func noteLostChunk(_ range: Range<UInt64>?) { lostChunk = range }

    func noteLooseMessage(_ range: Range<UInt64>) { looseMessage = range }

    // MARK: - Damage

    /// - Returns: the index of the damage, for ``setLoss(_:at:)``.
    @discardableResult
    func report(at offset: UInt64, length: UInt64, _ reason: Damage.Reason, lost: Int?) -> Int {
        damages.report(at: offset, length: length, reason, lost: lost)
    }

    func setLoss(_ messages: Int, at index: Int) { damages.setLoss(messages, at: index) }

    func settleLoss(ofTotal total: UInt64, read: UInt64) { damages.settleLoss(ofTotal: total, read: read) }

    /// Removes the damage reported since the last verified position: its extent was wrong.
    func takeBackUnverified() -> Damage? { damages.takeBack(from: verified) }

    /// Counts the work caused by damage, to keep it linear in the size of the file.
    func spend(_ bytes: UInt64) throws(RecordFault) {
        work &+= bytes
        let size = window.isEndKnown ? window.end : position
        guard work <= 32 * min(size, 1 << 56) + (1 << 26) else { throw RecordFault(reason: .tooManyDamages) }
    }

    /// Bytes that are read after all do not count as work.
    func refund(_ bytes: UInt64) { work &-= bytes }

    // MARK: - Covered bytes

    /// The next marker's checksum cannot be compared.
    func forgetCovered() { covered = nil }

    /// Compares the bytes since the last chunk with the marker at the current position.
    func compareCovered(with marker: Marker) {
        guard let actual = covered?.value, actual != marker.precedingCRC else { return }
        let reason = Damage.Reason.precedingCRC(expected: marker.precedingCRC, actual: actual)
        report(at: coveredStart, length: position - coveredStart, reason, lost: 0)
        covered = nil
    }
}
