import JSON

/// An invocation in place: `[excluded, {protocol: frame}]`, followed by `invocation id, return channel` if a result is
/// requested. Not copied, no allocations. Valid as long as the payload's memory.
///
/// Frames are not read; use ``messages(in:)``.
package struct CoreInvocationView {
    /// All offsets count from its start.
    package let payload: UnsafeRawBufferPointer
    /// Items of the outermost array: 2, or more with a reply or a mark.
    package let itemCount: Int
    /// Number of excluded connections.
    package let excludedCount: Int
    /// Number of protocols enabled at the sender. Nodes disconnect clients that use another one.
    package let frameCount: Int
    /// The frame for JSON clients: text and the byte 1e.
    package let json: Range<Int>?
    /// The frame for MessagePack clients: length and message.
    package let messagePack: Range<Int>?
    /// UTF-8. Where the result must be sent, without the channel prefix; nil if none is requested.
    package let returnChannel: UnsafeRawBufferPointer?
    /// UTF-8. The sender's key for the result.
    package let invocationID: UnsafeRawBufferPointer?
    /// The third of three items, if it is our mark.
    package let mark: Range<Int>?
    /// How it differs from what nodes write.
    package let oddities: CoreOddities
    private let excludedStart: Int
    private let framesStart: Int

    /// Walks over the whole payload.
    package init(_ payload: UnsafeRawBufferPointer) throws(CoreError) {
        var reader = MessagePackReader(payload)
        let itemCount = try reader.arrayCount()
        guard itemCount >= 2 else { throw CoreError(.tooFewItems, at: 0) }
        let excludedCount = try reader.arrayCount()
        let excludedStart = reader.position
        for _ in 0..<excludedCount { _ = try reader.text() }

        let frameCount = try reader.mapCount()
        let framesStart = reader.position
        var json: Range<Int>?
        var messagePack: Range<Int>?
        for index in 0..<frameCount {
            let name = try reader.text()
            let frame = try reader.frame()
            switch CoreProtocol(name) {
            case .json where json == nil: json = frame
            case .messagePack where messagePack == nil: messagePack = frame
            case .other:
                // Protocols are few, so a linear search is enough.
                if Self.names(in: payload, at: framesStart, count: min(index, 16)).contains(name) {
                    reader.oddities.insert(.duplicateProtocol)
                }
            default: reader.oddities.insert(.duplicateProtocol)
            }
        }

        var invocationID: UnsafeRawBufferPointer?
        var returnChannel: UnsafeRawBufferPointer?
        var mark: Range<Int>?
        if itemCount > 3 {
            invocationID = try reader.optionalText()
            returnChannel = try reader.optionalText()
            for _ in 4..<itemCount { try reader.skipExtraItem() }
        } else if itemCount == 3 {
            mark = try reader.markOrExtraItem()
        }
        if !reader.isAtEnd { reader.oddities.insert(.trailingBytes) }

        self.payload = payload
        self.itemCount = itemCount
        self.excludedCount = excludedCount
        self.excludedStart = excludedStart
        self.frameCount = frameCount
        self.framesStart = framesStart
        self.json = json
        self.messagePack = messagePack
        self.invocationID = invocationID
        self.returnChannel = returnChannel
        self.mark = mark
        oddities = reader.oddities
    }

    /// Whether a result is requested.
    package var asksForResult: Bool { returnChannel != nil }

    /// Calls `body` with each excluded connection's id, UTF-8.
    package func forEachExcluded(_ body: (UnsafeRawBufferPointer) -> Void) {
        var reader = MessagePackReader(payload, in: excludedStart..<payload.count)
        for _ in 0..<excludedCount {
            guard let id = try? reader.string() else { return }
            body(id)
        }
    }

    /// Calls `body` with each protocol's name, UTF-8, and its frame, in the order of the payload.
    package func forEachFrame(_ body: (_ name: UnsafeRawBufferPointer, _ frame: Range<Int>) -> Void) {
        var reader = MessagePackReader(payload, in: framesStart..<payload.count)
        for _ in 0..<frameCount {
            guard let name = try? reader.string(), let frame = try? reader.frame() else { return }
            body(name, frame)
        }
    }

    /// Ids of excluded connections, copied.
    package var excluded: [String] {
        var ids: [String] = []
        forEachExcluded { ids.append(String(decoding: $0, as: UTF8.self)) }
        return ids
    }

    /// `json`, `messagepack`, ... in the order of the payload.
    package var protocols: [String] {
        var names: [String] = []
        forEachFrame { name, _ in names.append(String(decoding: name, as: UTF8.self)) }
        return names
    }

    /// The messages of the frame in this format, if present.
    package func messages(in format: CoreFormat) -> CoreHubMessageWalk? {
        let frame = format == .json ? json : messagePack
        return frame.map { CoreHubMessageWalk(payload, frame: $0, format) }
    }

    /// The first message: of the JSON frame, else of the MessagePack frame.
    ///
    /// - Returns: nil if the envelope has neither protocol, or the frame is empty.
    package func message() throws(CoreError) -> CoreHubMessage? {
        guard var walk = messages(in: .json) ?? messages(in: .messagePack) else { return nil }
        return try walk.next()
    }

    private static func names(in payload: UnsafeRawBufferPointer, at start: Int, count: Int) -> Names {
        Names(reader: MessagePackReader(payload, in: start..<payload.count), count: count)
    }

    private struct Names {
        var reader: MessagePackReader
        var count: Int

        func contains(_ name: UnsafeRawBufferPointer) -> Bool {
            var reader = reader
            for _ in 0..<count {
                guard let other = try? reader.string(), (try? reader.frame()) != nil else { return false }
                if other.elementsEqual(name) { return true }
            }
            return false
        }
    }
}

extension MessagePackReader {
    /// The range of a frame. Nodes also accept a text as a frame, and nil for an empty one.
    @inline(__always)
    mutating func frame() throws(CoreError) -> Range<Int> {
        let start = position
        if position < bytes.count, bytes[position] == 0xC4 {
            let frame = try binary()
            return position &- frame.count..<position
        }
        switch try token() {
        case .binary(let data): return position &- data.count..<position
        case .string(let data):
            oddities.insert(.frameType)
            return position &- data.count..<position
        case .nil:
            oddities.insert(.frameType)
            return position..<position
        default: throw CoreError(.wrongType, at: start)
        }
    }

    fileprivate mutating func optionalText() throws(CoreError) -> UnsafeRawBufferPointer? {
        let text = try optionalString()
        if let text {
            if UTF8Validation.firstInvalidOffset(in: text) != nil { oddities.insert(.utf8) }
        } else {
            oddities.insert(.nilText)
        }
        return text
    }

    mutating func skipExtraItem() throws(CoreError) {
        oddities.insert(.extraItems)
        try skipValue()
    }

    /// An item after those that nodes write.
    ///
    /// - Returns: its range if it is our mark.
    mutating func markOrExtraItem() throws(CoreError) -> Range<Int>? {
        let range = try value()
        if CoreForwardMark.isMark(bytes, range) { return range }
        oddities.insert(.extraItems)
        return nil
    }
}

/// Adds missing frames to an invocation, so that it reaches the clients of each of these protocols. Existing frames,
/// also those of other protocols, stay unchanged byte for byte.
package struct CoreProtocolFrames: Sendable, Equatable {
    /// Why a frame cannot be added.
    package enum Failure: Error, Equatable, Sendable {
        case conversion(CoreConversionError)
        /// The invocation has neither a JSON nor a MessagePack frame to convert from.
        case noFrame

        /// Stable snake_case name.
        package var label: String {
            switch self {
            case .conversion(let error): error.reason.label
            case .noFrame: "no_frame"
            }
        }
    }

    /// The frames that each invocation must have.
    package let protocols: [CoreFormat]
    /// See ``CoreFrameConversion/converted(_:from:allowUntyped:)``.
    package let allowsUntyped: Bool

    /// - Parameters:
    ///   - protocols: the frames that each invocation must have.
    ///   - allowsUntyped: see ``CoreFrameConversion/converted(_:from:allowUntyped:)``.
    package init(_ protocols: [CoreFormat], allowsUntyped: Bool = false) {
        self.protocols = protocols
        self.allowsUntyped = allowsUntyped
    }

    /// - Returns: the payload with the missing frames; nil if none is missing.
    package func completed(_ view: CoreInvocationView) throws(Failure) -> [UInt8]? {
        let missing = protocols.filter { range(of: $0, in: view) == nil }
        guard !missing.isEmpty else { return nil }
        var invocation = CoreInvocation(view)
        for format in missing {
            let source: CoreFormat = format == .json ? .messagePack : .json
            guard let range = range(of: source, in: view) else { throw .noFrame }
            do throws(CoreConversionError) {
                let frame = try CoreFrameConversion.converted(
                    UnsafeRawBufferPointer(rebasing: view.payload[range]), from: source, allowUntyped: allowsUntyped)
                invocation.frames.append(.init(protocolName: format.name, bytes: frame))
            } catch {
                throw .conversion(error)
            }
        }
        return invocation.encoded()
    }

    private func range(of format: CoreFormat, in view: CoreInvocationView) -> Range<Int>? {
        format == .json ? view.json : view.messagePack
    }
}
