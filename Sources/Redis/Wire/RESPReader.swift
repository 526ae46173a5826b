import CHiredis

/// hiredis' RESP reader with our own object functions: no objects are created, elements are processed in place.
///
/// A requested pub/sub message (`["message", channel, payload]`, `["pmessage", pattern, channel, payload]`) is copied
/// once, from hiredis' buffer into the current ``EnvelopeBatch``. Every other reply becomes a ``RESPValue``.
///
/// `~Copyable`: it owns the C reader and memory whose address the C side keeps.
struct RESPReader: ~Copyable {
    /// hiredis moves the rest of its buffer to the front after each reply, so a large feed would be moved repeatedly:
    /// it is fed in small pieces, which grow while a large payload arrives.
    private static let smallestFeed = 4 * 1024
    private static let largestFeed = 256 * 1024
    /// hiredis frees an empty buffer larger than this. Far above `largestFeed`, so that it is kept; far below a large
    /// payload, so that the memory of one is freed.
    private static let keptBuffer = 1 << 20
    /// Twice Redis' default limit for a string (`proto-max-bulk-len`).
    private static let longestElement = 1 << 30

    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let state: UnsafeMutablePointer<ReplyState>
    private let longestElement: Int
    private let speaksRESP3: Bool

    /// - Parameters:
    ///   - names: names whose messages go into the batch; nil on a command connection.
    ///   - header: of messages kept with their Redis channel.
    ///   - keepsAll: keeps every message with its Redis channel, regardless of names.
    ///   - longestElement: maximum bytes of one element; beyond it the stream counts as broken.
    ///   - speaksRESP3: whether HELLO 3 may be sent: see ``RESP3Reply``.
    init(
        names: [SubscribedName]? = nil, header: MessageHeader? = nil, keepsAll: Bool = false,
        longestElement: Int = Self.longestElement, speaksRESP3: Bool = false
    ) {
        (self.longestElement, self.speaksRESP3) = (longestElement, speaksRESP3)
        state = .allocate(capacity: 1)
        functions = .allocate(capacity: 1)
        functions.initialize(to: ReplyState.objectFunctions)
        state.initialize(
            to: ReplyState(names: names, header: header, keepsAll: keepsAll, reader: Self.makeReader(functions)))
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

    /// The destination of messages. Must be set before the first ``feed(_:)`` of a reader with channels.
    var batch: EnvelopeBatch? {
        get { state.pointee.batch }
        nonmutating set { state.pointee.batch = newValue }
    }

    /// Decides about each large payload before it arrives, and receives it. Without a sink, large payloads are read
    /// like small ones.
    var sink: (any EnvelopeSink)? {
        get { state.pointee.sink }
        nonmutating set { state.pointee.sink = newValue }
    }

    /// Replaces the names whose messages are kept.
    func setNames(_ names: [SubscribedName]) { state.pointee.setNames(names) }

    /// Messages of unrequested channels since the start.
    var strayMessages: Int { state.pointee.strayMessages }

    /// Continues reading; complete messages go into ``batch``, other complete replies wait for ``takeReplies()``.
    ///
    /// - Returns: hiredis' message if the bytes are invalid, or nil. After an error the reader must not be used.
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
                if speaksRESP3, !RESP3Reply.adapt(reader, &state.pointee.replies) { break }
                var reply: UnsafeMutableRawPointer?
                guard redisReaderGetReply(reader, &reply) == REDIS_OK else { return errorText }
                if reply == nil { break }
                state.pointee.replyEnded()
                size = Self.smallestFeed
            }
            // The rest is one unfinished element. Its length is only announced: no memory was reserved for it.
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

    /// The unfinished element is a payload too large for hiredis: the sink decides.
    ///
    /// - Parameter count: its bytes.
    /// - Returns: nil if it is not a payload, or there is no sink.
    private func beginLarge(of count: Int) -> PayloadAdmission? {
        guard state.pointee.awaitsPayload, count < .max, let sink = state.pointee.sink else { return nil }
        let channel = state.pointee.messageChannel
        let header = state.pointee.header(ofPayload: count)
        // An unrequested channel has no index; nothing of it is kept.
        let admission = channel < 0 ? .tooLarge : sink.admission(ofPayload: header.count + count, channel: channel)
        guard admission != .take || count <= longestElement else { return admission }
        state.pointee.large = LargePayload(count: count, header: header, channel: channel, admission: admission)
        // The payload is the last element of its reply, so a new hiredis reader can continue after it; the state of the
        // old one is dropped.
        let old = state.pointee.reader
        let fresh = Self.makeReader(functions)
        fresh.pointee.privdata = UnsafeMutableRawPointer(state)
        state.pointee.reader = fresh
        state.pointee.leavePayload()
        let unread = UnsafeRawBufferPointer(start: old.pointee.buf, count: old.pointee.len).dropFirst(old.pointee.pos)
        if let header = unread.prefix(64).firstIndex(of: UInt8(ascii: "\n")) {
            var start = unread[(header + 1)...]
            // Less than the whole payload, or hiredis would have finished it.
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
            large.abandon(at: state.pointee.sink)
            return "no line feed after a string of \(large.count) bytes"
        }
        guard large.channel >= 0 else {
            state.pointee.passedOver()
            return nil
        }
        large.deliver(to: state.pointee.sink, after: &batch)
        return nil
    }

    /// The connection has ended: the unfinished payload will not arrive.
    func abandonLarge() {
        state.pointee.large?.abandon(at: state.pointee.sink)
        state.pointee.large = nil
    }

    /// Returns and clears the complete replies that were not messages, in order.
    func takeReplies() -> [RESPValue] {
        guard !state.pointee.replies.isEmpty else { return [] }
        defer { state.pointee.replies.removeAll(keepingCapacity: true) }
        return state.pointee.replies
    }

    /// Bytes of the unfinished string; 0 if none is unfinished, or its header is.
    private var announcedLength: Int {
        let reader = state.pointee.reader
        // hiredis has read the type. A complete line of digits left unread can only be a string's header; one without
        // its line feed may be an integer.
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
