/// Reads the message indexes after a chunk and compares them with its messages.
final class MessageIndexReader {
    private let window: SourceWindow
    private let progress: ReadProgress
    private let files: FileParts
    /// From a chunk until the next record of another kind.
    private var check: MessageIndexCheck?

    init(_ progress: ReadProgress, _ files: FileParts) {
        window = progress.window
        self.progress = progress
        self.files = files
    }

    /// The indexes of `chunk` follow.
    func begin(of chunk: DecodedChunk) { check = MessageIndexCheck(of: chunk) }

    /// The indexes of a chunk that is not used follow.
    ///
    /// - Parameter damage: the index of its damage, if it was lost: its message indexes show how many messages it had.
    func begin(ofLostChunk damage: Int?) { check = MessageIndexCheck(ofLostChunk: damage) }

    func read(_ frame: RecordFrame) throws {
        // Without a preceding chunk, the chunk itself must have been altered.
        guard check != nil else { throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode)) }
        let content = try window.content(of: frame)
        do {
            guard let (channelID, fits) = try check?.add(content, allowingExtension: !files.current.isMarked) else {
                return
            }
            try progress.pass(until: frame.end)
            if fits {
                // After a lost chunk it does not belong to the last intact one, even if it looks right.
                if check?.chunk != nil { files.current.log.addMessageIndex(of: channelID, at: frame) }
            } else {
                progress.report(at: frame.start, length: frame.size, .messageIndex(channelID: channelID), lost: 0)
                // The next marker would only report it again.
                progress.forgetCovered()
            }
        } catch let malformed as MalformedRecord {
            throw RecordFault(.messageIndex, malformed)
        }
    }

    /// Another record follows: each channel must have had its index, if the file has message indexes at all.
    ///
    /// - Parameter next: what follows, if it is intact.
    func end(before next: Opcode? = nil) {
        guard let check else { return }
        self.check = nil
        if next == .chunk, let chunk = check.chunk, chunk.messageCount > 0, check.seen.isEmpty {
            files.current.noteBareChunk()
        }
        if let damage = check.damage, check.entryCount > 0 { progress.setLoss(check.entryCount, at: damage) }
        guard files.current.isMarked || !check.seen.isEmpty else { return }
        for channelID in check.missing {
            progress.report(
                at: progress.position, length: 0, .messageIndexMissing(channelID: channelID), lost: 0)
            progress.forgetCovered()
        }
    }

    /// What follows does not belong to the last chunk.
    func drop() { check = nil }
}
