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
    /// Where our mark stands; nil without one.
    package let mark: Range<Int>?
    /// In what it differs from those that nodes write.
    package let oddities: CoreOddities

    /// nil for a number that nodes ignore.
    package var action: Action? { Action(rawValue: rawAction) }

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
    package let id: Int32
    package let mark: Range<Int>?
    package let oddities: CoreOddities

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
    package let payload: UnsafeRawBufferPointer
    /// UTF-8.
    package let protocolName: UnsafeRawBufferPointer
    /// Range in the payload.
    package let frame: Range<Int>
    package let mark: Range<Int>?
    package let oddities: CoreOddities

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
