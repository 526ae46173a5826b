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

    /// In what it differs from those that nodes write.
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
    /// What an application's data are in a payload.
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
