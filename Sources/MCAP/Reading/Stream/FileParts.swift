/// The files in one source, and which of them is read. Usually it is one; several may be concatenated or nested.
final class FileParts {
    /// Limit of files distinguished in one source; markers of further files are skipped.
    static let limit = 64

    private(set) var current: FilePart
    /// The numbers of the files with markers.
    private(set) var numbers: [SyncMarker: Int] = [:]
    /// By number.
    private var all: [FilePart]
    /// Start of the last file whose magic was read.
    private var lastStart: UInt64?

    init() {
        current = FilePart(number: 0, start: 0)
        all = [current]
    }

    var count: Int { all.count }
    var hasRoom: Bool { all.count < Self.limit }
    /// What was seen of each file.
    var logs: [DataLog] { all.map(\.log) }

    /// Files other than the current one, of which something was read.
    var others: [FilePart] { all.filter { $0 !== current && !$0.isUntouched } }

    /// The channels of a file; none if it is new.
    func channels(ofFile number: Int) -> ChannelTable {
        number < all.count ? all[number].log.channels : ChannelTable()
    }

    /// Whether the magic at `offset` was not read yet, and its file can be distinguished.
    func mayBegin(at offset: UInt64) -> Bool { hasRoom && (lastStart.map { offset > $0 } ?? true) }

    /// The magic at `offset` was read.
    func noteStart(at offset: UInt64) { lastStart = offset }

    /// The marker before `end` belongs to the current file.
    func take(_ marker: Marker, endingAt end: UInt64) {
        if current.sync == nil { numbers[marker.sync] = current.number }
        current.take(marker, endingAt: end)
    }

    // MARK: - The next file

    /// The current file is the one that begins at `offset`.
    func begin(at offset: UInt64) {
        if current.isUntouched {
            current = FilePart(number: current.number, start: offset)
            all[current.number] = current
        } else {
            enterNew(start: offset)
        }
    }

    /// Switches to the file of a marker found at `place`.
    func enter(fileOf marker: Marker, at place: UInt64) {
        if let number = numbers[marker.sync] {
            current = all[number]
        } else {
            // It is unknown how much of its start is gone.
            enterNew(start: place &- marker.offset)
        }
    }

    /// Switches to a file of which a chunk was found at `place`.
    ///
    /// - Parameter number: of a known file, or of a new one.
    func enter(_ number: Int, at place: UInt64) {
        if number < all.count { current = all[number] } else { enterNew(start: place) }
        current.losePlace()
    }

    /// The same for a chunk that is read next. If its marker was the first sign of a file of ours, while another
    /// program's file was read, both belong to the file of the chunk.
    func enter(_ number: Int, ofChunkAt place: UInt64) {
        let marker = current.giveUpMarker(before: place)
        enter(number, at: place)
        guard let marker, current.sync == nil else { return }
        numbers[marker.sync] = current.number
        current.move(to: place &- UInt64(Marker.recordSize) &- marker.offset)
        current.take(marker, endingAt: place)
    }

    func enterNew(start: UInt64) {
        current = FilePart(number: all.count, start: start)
        all.append(current)
    }
}
