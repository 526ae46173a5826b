import CHiredis

/// The object functions' knowledge of the current reply.
struct ReplyState: ~Copyable {
    private enum Frame {
        /// Between replies, or inside one assembled by ``ReplyBuilder``.
        case general
        /// An array of three or four was announced: possibly a message.
        case undecided
        /// A message; its channel comes next.
        case message
        /// A message; its pattern comes next, then its channel.
        case patternMessage
        /// A message whose pattern is `pattern`, -1 if not requested; its channel comes next.
        case patternChannel
        /// A message whose channel is `messageChannel`; its payload comes next.
        case payload
        /// A message with an element that is not a string; it is skipped to its end.
        case malformed
    }

    /// For ``messageChannel``: not requested.
    private static let stray = -1
    /// For ``messageChannel``: matched by a pattern unintentionally.
    private static let unmeant = -2

    private static let anyPlace = SubscribedIndex.Place(channel: 0, keepsName: true)

    private var frame = Frame.general
    /// Number of elements of the undecided array.
    private var undecidedCount = 0
    /// Index of the message's channel as in ``EnvelopeBatch``; negative if it is not kept.
    private(set) var messageChannel = Self.stray
    private var pattern = -1
    /// The Redis channel of the message, if kept with it: its elements may arrive in different reads.
    private var keptName: [UInt8] = []
    private var keepsName = false
    private var names: SubscribedIndex
    private let header: MessageHeader?
    /// Every message is kept, under index 0.
    private let keepsAll: Bool
    private let collectsMessages: Bool
    private var builder = ReplyBuilder()
    var batch: EnvelopeBatch? {
        didSet { unretainedBatch = batch.map { Unmanaged.passUnretained($0) } }
    }
    /// `batch` without reference counting, which would cost more than copying a small payload.
    private var unretainedBatch: Unmanaged<EnvelopeBatch>?
    var replies: [RESPValue] = []
    var strayMessages = 0
    /// hiredis' reader; replaced after each large payload.
    var reader: UnsafeMutablePointer<redisReader>
    /// A payload that bypasses hiredis; nil nearly always.
    var large: LargePayload?
    var sink: (any EnvelopeSink)?

    init(
        names: [SubscribedName]?, header: MessageHeader?, keepsAll: Bool, reader: UnsafeMutablePointer<redisReader>
    ) {
        self.reader = reader
        self.header = header
        self.keepsAll = keepsAll
        self.names = SubscribedIndex(keepsAll ? [] : names ?? [])
        collectsMessages = names != nil
    }

    mutating func setNames(_ names: [SubscribedName]) {
        if !keepsAll { self.names = SubscribedIndex(names) }
    }

    // MARK: Elements

    private mutating func startArray(count: Int, topLevel: Bool) {
        if isMalformed() { return }
        if topLevel, collectsMessages, count == 3 || count == 4 {
            frame = .undecided
            undecidedCount = count
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
            take(payload: bytes)
            frame = .general
        case .message:
            found(keepsAll ? Self.anyPlace : names.place(ofChannel: bytes), channel: bytes)
            frame = .payload
        case .patternMessage:
            pattern = names.pattern(bytes) ?? -1
            frame = .patternChannel
        case .patternChannel:
            if keepsAll {
                found(Self.anyPlace, channel: bytes)
            } else if pattern >= 0 {
                found(names.place(ofPattern: pattern, channel: bytes), channel: bytes)
                if messageChannel < 0 { messageChannel = Self.unmeant }
            } else {
                messageChannel = Self.stray
            }
            frame = .payload
        case .malformed:
            break
        case .undecided where index == 0 && undecidedCount == 3 && Self.isMessageWord(bytes):
            frame = .message
        case .undecided where index == 0 && undecidedCount == 4 && Self.isPatternMessageWord(bytes):
            frame = .patternMessage
        case .undecided, .general:
            leaveUndecided()
            switch type {
            case REDIS_REPLY_STATUS: add(.status(String(decoding: bytes, as: UTF8.self)))
            case REDIS_REPLY_ERROR: add(.error(String(decoding: bytes, as: UTF8.self)))
            default: add(.bulk(Array(bytes)))
            }
        }
    }

    @inline(__always)
    private mutating func found(_ place: SubscribedIndex.Place?, channel: UnsafeRawBufferPointer) {
        messageChannel = place?.channel ?? Self.stray
        keepsName = place?.keepsName ?? false
        guard keepsName else { return }
        keptName.removeAll(keepingCapacity: true)
        keptName.append(contentsOf: channel)
    }

    @inline(__always)
    private mutating func take(payload: UnsafeRawBufferPointer) {
        guard messageChannel >= 0, let unretainedBatch else {
            if messageChannel == SubscribedName.aside { setAside(payload) } else { passedOver() }
            return
        }
        if keepsName, let header {
            keptName.withUnsafeBytes { name in
                unretainedBatch._withUnsafeGuaranteedRef {
                    $0.append(channel: messageChannel, name: name, payload: payload, header: header)
                }
            }
        } else {
            unretainedBatch._withUnsafeGuaranteedRef { $0.append(channel: messageChannel, payload: payload) }
        }
    }

    /// A message that is not an envelope: the sink gets it after the envelopes before it.
    @inline(never)
    private mutating func setAside(_ payload: UnsafeRawBufferPointer) {
        guard let sink else { return }
        if let before = batch, before.count > 0 {
            batch = sink.nextBatch()
            batch?.receivedAt = before.receivedAt
            sink.deliver(before)
        }
        sink.aside(Array(payload))
    }

    /// A message that is not kept has ended.
    mutating func passedOver() {
        if messageChannel == Self.stray { strayMessages += 1 }
    }

    /// The header before the payload of the current message; may be empty.
    func header(ofPayload count: Int) -> [UInt8] {
        guard messageChannel >= 0, keepsName, let header else { return [] }
        return keptName.withUnsafeBytes { header.bytes(channel: $0, payloadCount: count) }
    }

    /// "message", compared without a loop.
    @inline(__always)
    private static func isMessageWord(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count == 7 && bytes.loadUnaligned(as: UInt32.self).littleEndian == 0x7373_656D
            && bytes.loadUnaligned(fromByteOffset: 3, as: UInt32.self).littleEndian == 0x6567_6173
    }

    /// "pmessage".
    @inline(__always)
    private static func isPatternMessageWord(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count == 8 && bytes.loadUnaligned(as: UInt64.self).littleEndian == 0x6567_6173_7365_6D70
    }

    private mutating func add(_ value: RESPValue) {
        if isMalformed() { return }
        leaveUndecided()
        builder.add(value)
        finishReply()
    }

    /// Called at each element that is not a string: a message has none. Such a message cannot come from Redis; all of
    /// it is dropped as stray.
    private mutating func isMalformed() -> Bool {
        switch frame {
        case .message, .patternMessage, .patternChannel, .payload:
            strayMessages += 1
            frame = .malformed
            return true
        case .malformed: return true
        case .general, .undecided: return false
        }
    }

    /// True if the next element is the payload of a message, the last of its reply.
    var awaitsPayload: Bool { frame == .payload }

    /// The payload is handled elsewhere.
    mutating func leavePayload() { frame = .general }

    /// The reply is complete.
    @inline(__always)
    mutating func replyEnded() {
        if frame == .malformed { frame = .general }
    }

    /// It was not a message: notify the builder of the announced array.
    private mutating func leaveUndecided() {
        guard frame == .undecided else { return }
        frame = .general
        builder.startArray(count: undecidedCount)
    }

    private mutating func finishReply() {
        if let reply = builder.take() { replies.append(reply) }
    }

    // MARK: C

    /// Any pointer but NULL tells hiredis that the object was created; `freeObject` has nothing to free.
    private static var sentinel: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 1) }

    @inline(__always)
    private static func state(
        of task: UnsafePointer<redisReadTask>?
    ) -> (state: UnsafeMutablePointer<ReplyState>, task: UnsafePointer<redisReadTask>)? {
        guard let task, let state = task.pointee.privdata else { return nil }
        return (state.assumingMemoryBound(to: ReplyState.self), task)
    }

    static var objectFunctions: redisReplyObjectFunctions {
        // Set individually: hiredis 1.x has further functions for RESP3, which stay null.
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
