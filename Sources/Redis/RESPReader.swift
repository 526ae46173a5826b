import CHiredis

/// hiredis' RESP reader with object functions of our own: no object is made, each element is met in place.
///
/// A pub/sub message (`["message", channel, payload]`) of a known channel is copied once, from hiredis' buffer into the
/// current ``EnvelopeBatch``. Every other reply becomes a ``RESPValue``.
///
/// `~Copyable`: it owns the C reader and memory whose address the C side keeps.
struct RESPReader: ~Copyable {
    /// hiredis moves what is left of its buffer to the front after each reply, so a large feed would be moved again and
    /// again: it is fed in small pieces, which grow while a large payload comes in.
    private static let smallestFeed = 4 * 1024
    private static let largestFeed = 256 * 1024
    /// hiredis frees an empty buffer larger than this. Far above `largestFeed`, so that it is kept; far below a large
    /// payload, so that the memory of one is given back.
    private static let keptBuffer = 1 << 20
    /// Twice what Redis accepts as one string unless told otherwise (`proto-max-bulk-len`).
    private static let longestElement = 1 << 30

    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let state: UnsafeMutablePointer<ReplyState>
    private let longestElement: Int

    /// - Parameters:
    ///   - channels: the channels whose messages go into the batch; empty on a connection that only asks.
    ///   - longestElement: bytes of one element that are waited for; beyond them the stream counts as broken.
    init(channels: [String] = [], longestElement: Int = Self.longestElement) {
        self.longestElement = longestElement
        state = .allocate(capacity: 1)
        functions = .allocate(capacity: 1)
        functions.initialize(to: ReplyState.objectFunctions)
        state.initialize(to: ReplyState(channels: channels, reader: Self.makeReader(functions)))
        state.pointee.reader.pointee.privdata = UnsafeMutableRawPointer(state)
    }

    private static func makeReader(
        _ functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    ) -> UnsafeMutablePointer<redisReader> {
        guard let reader = redisReaderCreateWithFunctions(functions) else {
            preconditionFailure("out of memory for a Redis reader")
        }
        reader.pointee.maxbuf = keptBuffer
        return reader
    }

    deinit {
        redisReaderFree(state.pointee.reader)
        functions.deinitialize(count: 1)
        functions.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Where messages go. Must be set before the first ``feed(_:)`` of a reader with channels.
    var batch: EnvelopeBatch? {
        get { state.pointee.batch }
        nonmutating set { state.pointee.batch = newValue }
    }

    /// Asked about each large payload before it has come in, and given it when it has. Without one a large payload is read
    /// as a small one is.
    var sink: (any EnvelopeSink)? {
        get { state.pointee.sink }
        nonmutating set { state.pointee.sink = newValue }
    }

    /// Messages of channels that nobody asked for, since the start.
    var strayMessages: Int { state.pointee.strayMessages }

    /// Reads on; complete messages go into ``batch``, other complete replies wait for ``takeReplies()``.
    ///
    /// - Returns: hiredis' words for what is wrong with the bytes, or nil. After an error the reader is of no more use.
    func feed(_ bytes: UnsafeRawBufferPointer) -> String? {
        var rest = bytes[...]
        var size = Self.smallestFeed
        if state.pointee.large != nil, let problem = continueLarge(&rest) { return problem }
        while !rest.isEmpty {
            let reader = state.pointee.reader
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(size))
            rest = rest.dropFirst(size)
            guard redisReaderFeed(reader, piece.baseAddress, piece.count) == REDIS_OK else { return errorText }
            size = min(size * 2, Self.largestFeed)
            while true {
                var reply: UnsafeMutableRawPointer?
                guard redisReaderGetReply(reader, &reply) == REDIS_OK else { return errorText }
                if reply == nil { break }
                state.pointee.replyEnded()
                size = Self.smallestFeed
            }
            // What is left is one unfinished element. A length is only announced: nothing was reserved for it so far.
            let announced = announcedLength
            if announced > EnvelopeBatch.largePayload, let begun = beginLarge(of: announced) {
                if begun == .take, announced > longestElement { return tooLong }
                if let problem = continueLarge(&rest) { return problem }
                continue
            }
            guard reader.pointee.len - reader.pointee.pos <= longestElement, announced <= longestElement else {
                return tooLong
            }
        }
        return nil
    }

    private var tooLong: String { "one element of more than \(longestElement) bytes" }

    // MARK: - Large payloads

    /// The unfinished element is a payload so large that hiredis shall not hold it: the sink says what becomes of it.
    ///
    /// - Parameter count: its bytes.
    /// - Returns: nil if it is no payload, or if nobody can be asked.
    private func beginLarge(of count: Int) -> PayloadAdmission? {
        guard state.pointee.awaitsPayload, count < .max, let sink = state.pointee.sink else { return nil }
        let channel = state.pointee.messageChannel
        // A channel that nobody asked for has no index; nothing of it is kept.
        let admission = channel < 0 ? .tooLarge : sink.admission(ofPayload: count, channel: channel)
        guard admission != .take || count <= longestElement else { return admission }
        state.pointee.large = LargePayload(count: count, channel: channel, admission: admission)
        // It is the last element of its reply: a fresh reader goes on behind it, whatever the old one thinks it has begun.
        let old = state.pointee.reader
        let fresh = Self.makeReader(functions)
        fresh.pointee.privdata = UnsafeMutableRawPointer(state)
        state.pointee.reader = fresh
        state.pointee.leavePayload()
        let unread = UnsafeRawBufferPointer(start: old.pointee.buf, count: old.pointee.len).dropFirst(old.pointee.pos)
        if let header = unread.prefix(64).firstIndex(of: UInt8(ascii: "\n")) {
            var start = unread[(header + 1)...]
            // Less than the whole of it, or hiredis would have finished it.
            _ = state.pointee.large?.take(&start)
        }
        redisReaderFree(old)
        return admission
    }

    /// - Returns: what is wrong with the bytes.
    private func continueLarge(_ rest: inout Slice<UnsafeRawBufferPointer>) -> String? {
        guard let outcome = state.pointee.large?.take(&rest) else { return nil }
        guard let large = state.pointee.large, outcome != .unfinished else { return nil }
        state.pointee.large = nil
        if outcome == .malformed {
            abandon(large)
            return "no line feed behind a string of \(large.count) bytes"
        }
        guard large.channel >= 0 else {
            state.pointee.strayMessages += 1
            return nil
        }
        guard let sink = state.pointee.sink else { return nil }
        // What came before it goes first.
        if let before = batch, before.count > 0 {
            batch = sink.nextBatch()
            batch?.receivedAt = before.receivedAt
            sink.deliver(before)
        }
        if let whole = large.batch(receivedAt: batch?.receivedAt ?? 0) {
            sink.deliver(whole)
        } else {
            sink.skipped(large.skipped(receivedAt: batch?.receivedAt ?? 0))
        }
        return nil
    }

    /// The connection has ended: what was begun will not come.
    func abandonLarge() {
        if let large = state.pointee.large { abandon(large) }
        state.pointee.large = nil
    }

    private func abandon(_ large: LargePayload) {
        large.free()
        if large.admission == .take { state.pointee.sink?.abandoned(payloadOf: large.count) }
    }

    /// The complete replies that were no messages, in order, once.
    func takeReplies() -> [RESPValue] {
        guard !state.pointee.replies.isEmpty else { return [] }
        defer { state.pointee.replies.removeAll(keepingCapacity: true) }
        return state.pointee.replies
    }

    /// Bytes of the unfinished string; 0 if none is unfinished, or its header is.
    private var announcedLength: Int {
        let reader = state.pointee.reader
        // hiredis has read the type. A whole line of digits that it leaves where it is can only be a string's header; one
        // without its line feed may be an integer.
        let unread = UnsafeRawBufferPointer(start: reader.pointee.buf, count: reader.pointee.len)
            .dropFirst(reader.pointee.pos)
        var length = 0
        for (index, byte) in unread.prefix(64).enumerated() {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else {
                return unread.dropFirst(index).starts(with: "\r\n".utf8) ? length : 0
            }
            let (tens, overflow) = length.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            length = overflow || carry ? .max : sum
        }
        return 0
    }

    private var errorText: String {
        withUnsafeBytes(of: &state.pointee.reader.pointee.errstr) { text in
            String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}

/// What the object functions know of the reply under way.
private struct ReplyState: ~Copyable {
    private enum Frame {
        /// Between replies, or inside one that ``ReplyBuilder`` puts together.
        case general
        /// An array of three was announced: perhaps a message.
        case undecided
        /// A message whose channel comes next.
        case message
        /// A message whose channel is `messageChannel`, -1 if it is none of ours; its payload comes next.
        case payload
        /// A message whose channel or payload is no string; it is passed over to its end.
        case malformed
    }

    private var frame = Frame.general
    private(set) var messageChannel = -1
    private var channels: ChannelTable
    private let collectsMessages: Bool
    private var builder = ReplyBuilder()
    var batch: EnvelopeBatch? {
        didSet { unretainedBatch = batch.map { Unmanaged.passUnretained($0) } }
    }
    /// `batch` without counting references, which would cost more than the copy of a small payload.
    private var unretainedBatch: Unmanaged<EnvelopeBatch>?
    var replies: [RESPValue] = []
    var strayMessages = 0
    /// hiredis' reader; another one after each large payload.
    var reader: UnsafeMutablePointer<redisReader>
    /// A payload that is taken past hiredis; nil nearly always.
    var large: LargePayload?
    var sink: (any EnvelopeSink)?

    init(channels: [String], reader: UnsafeMutablePointer<redisReader>) {
        self.reader = reader
        self.channels = ChannelTable(channels)
        collectsMessages = !channels.isEmpty
    }

    // MARK: Elements

    private mutating func startArray(count: Int, topLevel: Bool) {
        if isMalformed() { return }
        if topLevel, collectsMessages, count == 3 {
            frame = .undecided
        } else {
            leaveUndecided()
            builder.startArray(count: count)
            finishReply()
        }
    }

    @inline(__always)
    private mutating func string(_ bytes: UnsafeRawBufferPointer, type: Int32, index: Int) {
        switch frame {
        case .payload:
            if messageChannel >= 0, let unretainedBatch {
                unretainedBatch._withUnsafeGuaranteedRef { $0.append(channel: messageChannel, payload: bytes) }
            } else {
                strayMessages += 1
            }
            frame = .general
        case .message:
            messageChannel = channels.index(of: bytes) ?? -1
            frame = .payload
        case .malformed:
            break
        case .undecided where index == 0 && Self.isMessageWord(bytes):
            frame = .message
        case .undecided, .general:
            leaveUndecided()
            switch type {
            case REDIS_REPLY_STATUS: add(.status(String(decoding: bytes, as: UTF8.self)))
            case REDIS_REPLY_ERROR: add(.error(String(decoding: bytes, as: UTF8.self)))
            default: add(.bulk(Array(bytes)))
            }
        }
    }

    /// "message", compared without a loop.
    @inline(__always)
    private static func isMessageWord(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count == 7 && bytes.loadUnaligned(as: UInt32.self).littleEndian == 0x7373_656D
            && bytes.loadUnaligned(fromByteOffset: 3, as: UInt32.self).littleEndian == 0x6567_6173
    }

    private mutating func add(_ value: RESPValue) {
        if isMalformed() { return }
        leaveUndecided()
        builder.add(value)
        finishReply()
    }

    /// Asked at each element that is no string: inside a message there is none. Such a message cannot come from Redis;
    /// the whole of it is dropped as stray.
    private mutating func isMalformed() -> Bool {
        if frame == .message || frame == .payload {
            strayMessages += 1
            frame = .malformed
        }
        return frame == .malformed
    }

    /// True where the next element is the payload of a message, the last of its reply.
    var awaitsPayload: Bool { frame == .payload }

    /// The payload is taken by somebody else.
    mutating func leavePayload() { frame = .general }

    /// All elements of a reply were met.
    @inline(__always)
    mutating func replyEnded() {
        if frame == .malformed { frame = .general }
    }

    /// It was no message after all: let the builder know of the array that was announced.
    private mutating func leaveUndecided() {
        guard frame == .undecided else { return }
        frame = .general
        builder.startArray(count: 3)
    }

    private mutating func finishReply() {
        if let reply = builder.take() { replies.append(reply) }
    }

    // MARK: C

    /// Any pointer but NULL tells hiredis that the object was made; `freeObject` has nothing to free.
    private static var sentinel: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 1) }

    @inline(__always)
    private static func state(
        of task: UnsafePointer<redisReadTask>?
    ) -> (state: UnsafeMutablePointer<ReplyState>, task: UnsafePointer<redisReadTask>)? {
        guard let task, let state = task.pointee.privdata else { return nil }
        return (state.assumingMemoryBound(to: ReplyState.self), task)
    }

    static var objectFunctions: redisReplyObjectFunctions {
        // Set one by one: hiredis 1.x has functions for RESP3 besides, which stay null.
        var functions = redisReplyObjectFunctions()
        functions.createString = { task, bytes, count in
            guard let (state, task) = ReplyState.state(of: task) else { return nil }
            state.pointee.string(
                UnsafeRawBufferPointer(start: bytes, count: count), type: task.pointee.type,
                index: Int(task.pointee.idx))
            return ReplyState.sentinel
        }
        functions.createArray = { task, count in
            guard let (state, task) = ReplyState.state(of: task) else { return nil }
            state.pointee.startArray(count: Int(count), topLevel: task.pointee.parent == nil)
            return ReplyState.sentinel
        }
        functions.createInteger = { task, value in
            guard let (state, _) = ReplyState.state(of: task) else { return nil }
            state.pointee.add(.integer(Int64(value)))
            return ReplyState.sentinel
        }
        functions.createNil = { task in
            guard let (state, _) = ReplyState.state(of: task) else { return nil }
            state.pointee.add(.null)
            return ReplyState.sentinel
        }
        functions.freeObject = { _ in }
        return functions
    }
}
