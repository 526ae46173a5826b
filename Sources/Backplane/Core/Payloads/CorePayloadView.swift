/// A payload of the ASP.NET Core backplane in place, interpreted by its channel. Valid as long as the payload's memory.
package enum CorePayloadView {
    case invocation(CoreInvocationView)
    case groupCommand(CoreGroupCommandView)
    case ack(CoreAckView)
    case completion(CoreCompletionView)

    /// Validates the whole payload, but not the frames in it.
    @inline(__always)
    package init(_ kind: CoreKind, _ payload: UnsafeRawBufferPointer) throws(CoreError) {
        switch kind {
        case .all, .group, .user, .connection: self = .invocation(try CoreInvocationView(payload))
        case .groupCommand: self = .groupCommand(try CoreGroupCommandView(payload))
        case .ack: self = .ack(try CoreAckView(payload))
        case .result: self = .completion(try CoreCompletionView(payload))
        }
    }

    /// How it differs from what nodes write.
    package var oddities: CoreOddities {
        switch self {
        case .invocation(let view): view.oddities
        case .groupCommand(let view): view.oddities
        case .ack(let view): view.oddities
        case .completion(let view): view.oddities
        }
    }

    /// Range of our mark in the payload, if present.
    package var mark: Range<Int>? {
        switch self {
        case .invocation(let view): view.mark
        case .groupCommand(let view): view.mark
        case .ack(let view): view.mark
        case .completion(let view): view.mark
        }
    }

    /// Calls `body` with each range of the payload that contains application data: arguments, stream items, results and
    /// error texts of known protocols, and whole frames of others. For hiding or hashing.
    ///
    /// Additions that no node writes are not covered: further items of a payload (``oddities``), and JSON members that
    /// no client reads.
    ///
    /// - Throws: the error of a frame. Ranges passed before are valid.
    package func forEachDatum(_ body: (CoreDatum) -> Void) throws(CoreError) {
        switch self {
        case .invocation(let view):
            var failure: CoreError?
            view.forEachFrame { name, frame in
                guard failure == nil else { return }
                do throws(CoreError) {
                    try Self.forEachDatum(in: frame, of: view.payload, CoreProtocol(name).format, body)
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
        case .completion(let view):
            try Self.forEachDatum(in: view.frame, of: view.payload, view.format, body)
        case .groupCommand, .ack: break
        }
    }

    private static func forEachDatum(
        in frame: Range<Int>, of payload: UnsafeRawBufferPointer, _ format: CoreFormat?, _ body: (CoreDatum) -> Void
    ) throws(CoreError) {
        guard let format else {
            if !frame.isEmpty { body(CoreDatum(format: nil, role: .unknownFrame, range: frame)) }
            return
        }
        var walk = CoreHubMessageWalk(payload, frame: frame, format)
        try walk.forEachDatum(body)
    }
}

/// An application value in a payload.
package struct CoreDatum: Equatable, Sendable {
    /// The role of a value in its message.
    package enum Role: Equatable, Sendable {
        case argument(Int)
        case result
        case item
        case error
        /// A whole frame of an unknown protocol.
        case unknownFrame
    }

    /// nil for an unknown protocol.
    package let format: CoreFormat?
    /// What the value is in its message.
    package let role: Role
    /// Range in the payload: one JSON value, one MessagePack value, or the bytes of a frame.
    package let range: Range<Int>
}

extension CoreHubMessageWalk {
    fileprivate mutating func forEachDatum(_ body: (CoreDatum) -> Void) throws(CoreError) {
        while let message = try next() {
            if let arguments = message.arguments {
                arguments.forEach { index, range in
                    body(CoreDatum(format: message.format, role: .argument(index), range: range))
                }
            }
            if let value = message.value {
                let role: CoreDatum.Role = message.type == .streamItem ? .item : .result
                body(CoreDatum(format: message.format, role: role, range: value))
            }
            if let error = message.errorRange {
                body(CoreDatum(format: message.format, role: .error, range: error))
            }
        }
    }
}

/// A group command in place, `[id, server, action, group, connection]`: the node that holds the connection executes it
/// and publishes an ack with the same id on the server's ack channel. Valid as long as the payload's memory.
package struct CoreGroupCommandView {
    /// Source: `Internal/GroupAction.cs` of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
    package enum Action: UInt8, CaseIterable, Sendable {
        case add = 1
        case remove = 2

        /// Stable name, for output.
        package var label: String {
            switch self {
            case .add: "add"
            case .remove: "remove"
            }
        }
    }

    /// All offsets count from its start.
    package let payload: UnsafeRawBufferPointer
    /// From 1, for each server and hub.
    package let id: Int32
    /// UTF-8. The sender, which waits for the ack: ``CoreServerName``.
    package let server: UnsafeRawBufferPointer
    /// 1 adds, 2 removes; nodes ignore others.
    package let rawAction: UInt8
    /// UTF-8.
    package let group: UnsafeRawBufferPointer
    /// UTF-8.
    package let connection: UnsafeRawBufferPointer
    /// Range of our mark in the payload, if present.
    package let mark: Range<Int>?
    /// How it differs from what nodes write.
    package let oddities: CoreOddities

    /// nil for a number that nodes ignore.
    package var action: Action? { Action(rawValue: rawAction) }

    /// Validates the whole payload.
    package init(_ payload: UnsafeRawBufferPointer) throws(CoreError) {
        var reader = MessagePackReader(payload)
        self.payload = payload
        let count = try reader.items(atLeast: 5)
        id = try reader.integer(as: Int32.self)
        server = try reader.text()
        rawAction = try reader.integer(as: UInt8.self)
        group = try reader.text()
        connection = try reader.text()
        mark = try reader.endOfItems(5, of: count)
        oddities = reader.oddities
    }
}

/// An ack in place, `[id]`.
package struct CoreAckView {
    /// The id of the command.
    package let id: Int32
    /// Range of our mark in the payload, if present.
    package let mark: Range<Int>?
    /// How it differs from what nodes write.
    package let oddities: CoreOddities

    /// Validates the whole payload.
    package init(_ payload: UnsafeRawBufferPointer) throws(CoreError) {
        var reader = MessagePackReader(payload)
        let count = try reader.items(atLeast: 1)
        id = try reader.integer(as: Int32.self)
        mark = try reader.endOfItems(1, of: count)
        oddities = reader.oddities
    }
}

/// A client's result in place, `[protocol, frame]`, in the protocol of that client. Valid as long as the payload's
/// memory.
package struct CoreCompletionView {
    /// All offsets count from its start.
    package let payload: UnsafeRawBufferPointer
    /// UTF-8.
    package let protocolName: UnsafeRawBufferPointer
    /// Range in the payload.
    package let frame: Range<Int>
    /// Range of our mark in the payload, if present.
    package let mark: Range<Int>?
    /// How it differs from what nodes write.
    package let oddities: CoreOddities

    /// Validates the payload, but not the frame in it.
    package init(_ payload: UnsafeRawBufferPointer) throws(CoreError) {
        var reader = MessagePackReader(payload)
        let count = try reader.items(atLeast: 2)
        self.payload = payload
        protocolName = try reader.text()
        frame = try reader.frame()
        mark = try reader.endOfItems(2, of: count)
        oddities = reader.oddities
    }

    /// nil for an unknown protocol.
    package var format: CoreFormat? { CoreProtocol(protocolName).format }

    /// The messages in the frame; nil for an unknown protocol.
    package func messages() -> CoreHubMessageWalk? {
        format.map { CoreHubMessageWalk(payload, frame: frame, $0) }
    }

    /// - Returns: nil for an unknown protocol or an empty frame.
    package func message() throws(CoreError) -> CoreHubMessage? {
        guard var walk = messages() else { return nil }
        return try walk.next()
    }
}

extension MessagePackReader {
    fileprivate mutating func items(atLeast expected: Int) throws(CoreError) -> Int {
        let count = try arrayCount()
        guard count >= expected else { throw CoreError(.tooFewItems, at: 0) }
        return count
    }

    /// The items after those that nodes write.
    ///
    /// - Returns: the range of our mark, if present.
    fileprivate mutating func endOfItems(_ expected: Int, of count: Int) throws(CoreError) -> Range<Int>? {
        var mark: Range<Int>?
        if count == expected + 1 {
            mark = try markOrExtraItem()
        } else {
            for _ in expected..<count { try skipExtraItem() }
        }
        if !isAtEnd { oddities.insert(.trailingBytes) }
        return mark
    }
}

/// How a payload that nodes accept differs from what nodes write. Encoding a decoded payload without oddities gives
/// the same bytes.
package struct CoreOddities: Oddities {
    /// One bit for each oddity, in the order of ``names``.
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// A number, length or count takes more bytes than it needs.
    package static let longForm = CoreOddities(rawValue: 1 << 0)
    /// A text is not UTF-8: nodes read U+FFFD for malformed parts.
    package static let utf8 = CoreOddities(rawValue: 1 << 1)
    /// Items after those that nodes write, except our forward mark.
    package static let extraItems = CoreOddities(rawValue: 1 << 2)
    /// Bytes after the payload.
    package static let trailingBytes = CoreOddities(rawValue: 1 << 3)
    /// A frame is text or nil where nodes write bytes.
    package static let frameType = CoreOddities(rawValue: 1 << 4)
    /// A protocol has two frames; nodes send the first.
    package static let duplicateProtocol = CoreOddities(rawValue: 1 << 5)
    /// Nil where nodes write a text.
    package static let nilText = CoreOddities(rawValue: 1 << 6)

    /// Stable snake_case names, in the order of the bits.
    package static let names = [
        "long_form", "utf8", "extra_items", "trailing_bytes", "frame_type", "duplicate_protocol", "nil_text",
    ]
}
