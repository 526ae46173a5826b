import JSON

/// An invocation in place: `[excluded, {protocol: frame}]`, followed by `invocation id, return channel` if a result is
/// requested. Not copied, no allocations. Valid as long as the payload's memory.
///
/// Frames are not read; use ``messages(in:)``.
package struct CoreInvocationView {
    /// All offsets count from its start.
    package let payload: UnsafeRawBufferPointer
    /// Of the outermost array: 2, or more with a reply or a mark.
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
    /// In what it differs from those that nodes write.
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
                // There is hardly ever one, and never many.
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

    /// Ids of connections that do not get it, copied.
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
    /// The range of a frame; also what nodes accept as a frame: text, or nil for none.
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

/// Gives an invocation the frames that it lacks, so that clients of each of these protocols can be sent it. Frames that are
/// there stay as they are, byte for byte, also those of other protocols.
package struct CoreProtocolFrames: Sendable, Equatable {
    /// Why an invocation cannot get a frame.
    package enum Failure: Error, Equatable, Sendable {
        case conversion(CoreConversionError)
        /// It has a frame of neither JSON nor MessagePack.
        case noFrame

        /// Stable snake_case name.
        package var label: String {
            switch self {
            case .conversion(let error): error.reason.label
            case .noFrame: "no_frame"
            }
        }
    }

    /// What each envelope has to carry.
    package let protocols: [CoreFormat]
    /// As of ``CoreFrameConversion``.
    package let allowsUntyped: Bool

    package init(_ protocols: [CoreFormat], allowsUntyped: Bool = false) {
        self.protocols = protocols
        self.allowsUntyped = allowsUntyped
    }

    /// - Returns: the payload with the frames that were missing; nil if none was.
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

/// A hub protocol named in an envelope.
package enum CoreProtocol: Hashable, Sendable {
    case json
    case messagePack
    /// A protocol of the application, or `blazorpack` of Blazor Server.
    case other

    @inline(__always)
    package init(_ name: UnsafeRawBufferPointer) {
        if name.count == 4, name.loadUnaligned(as: UInt32.self) == UInt32(littleEndian: 0x6E6F_736A) {
            self = .json
        } else if name.count == 11, Self.word(name, 0) == 0x7065_6761_7373_656D,
            Self.word(name, 3) == 0x6B63_6170_6567_6173
        {
            // "messagep", and "sagepack" overlapping it.
            self = .messagePack
        } else {
            self = .other
        }
    }

    @inline(__always)
    private static func word(_ name: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: name.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// nil for an unknown protocol.
    package var format: CoreFormat? {
        switch self {
        case .json: .json
        case .messagePack: .messagePack
        case .other: nil
        }
    }
}

/// The protocols whose frames can be decoded.
package enum CoreFormat: UInt8, CaseIterable, Sendable {
    case json
    case messagePack

    /// The name in an envelope.
    package var name: String {
        switch self {
        case .json: "json"
        case .messagePack: "messagepack"
        }
    }
}
