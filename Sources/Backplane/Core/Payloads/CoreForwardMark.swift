/// The places where a forwarded payload has been, so that a ring of forwarders does not send it round for ever.
///
/// Nodes read the items of a payload that they know and ignore what follows. The mark is the one item behind those: an
/// array of texts, `backplane-relay:<place>`. An invocation has two items, four where a result is asked for: nothing
/// with four is marked, for more than three say that a result is asked for. A group command has five.
package enum CoreForwardMark {
    static let prefix = "backplane-relay:"

    /// Whether a payload may go to a target.
    package enum Outcome: Equatable, Sendable {
        /// The payload with the mark in it.
        case marked([UInt8])
        /// It has been at one of these places before.
        case returned
        /// A payload that asks for a result or answers, or has items that nobody here knows: it must not be forwarded.
        case unmarkable
    }

    /// - Parameters:
    ///   - kind: of the channel that the payload came on.
    ///   - place: the place that it leaves, printable ASCII.
    ///   - places: where it must not have been.
    /// - Throws: what is wrong with the payload.
    package static func mark(
        _ payload: UnsafeRawBufferPointer, _ kind: CoreKind, leaving place: String, unlessBeenAt places: [String]
    ) throws(CoreError) -> Outcome {
        let view = try CorePayloadView(kind, payload)
        guard view.oddities.isDisjoint(with: [.extraItems, .trailingBytes]) else { return .unmarkable }
        let plainItems: Int
        switch view {
        case .invocation(let view):
            guard view.itemCount <= 3 else { return .unmarkable }
            plainItems = 2
        case .groupCommand: plainItems = 5
        case .ack, .completion: return .unmarkable
        }
        var been: [String] = []
        if let mark = view.mark {
            been = Self.places(payload, mark)
            if been.contains(where: { places.contains($0) }) { return .returned }
        }
        // What stands before the mark stays as it is, byte for byte, but for the number of items.
        var reader = MessagePackReader(payload)
        _ = try reader.arrayCount()
        let items = UnsafeRawBufferPointer(
            rebasing: payload[reader.position..<(view.mark?.lowerBound ?? payload.count)])
        var writer = MessagePackWriter()
        writer.array(plainItems + 1)
        writer.raw(items)
        write(been + [place], to: &writer)
        return .marked(writer.bytes)
    }

    /// Where a payload has been.
    ///
    /// - Parameter mark: where its mark stands.
    package static func places(_ payload: UnsafeRawBufferPointer, _ mark: Range<Int>) -> [String] {
        var reader = MessagePackReader(payload, in: mark)
        guard let count = try? reader.arrayCount() else { return [] }
        var places: [String] = []
        for _ in 0..<count {
            guard let entry = try? reader.string() else { break }
            places.append(String(decoding: entry.dropFirst(prefix.utf8.count), as: UTF8.self))
        }
        return places
    }

    static func write(_ places: [String], to writer: inout MessagePackWriter) {
        writer.array(places.count)
        for place in places { writer.string(prefix + place) }
    }

    /// Whether this item is one that ``mark(_:_:leaving:unlessBeenAt:)`` wrote.
    static func isMark(_ payload: UnsafeRawBufferPointer, _ item: Range<Int>) -> Bool {
        var reader = MessagePackReader(payload, in: item)
        guard let count = try? reader.arrayCount(), count > 0 else { return false }
        for _ in 0..<count {
            guard let entry = try? reader.text(), entry.starts(with: prefix.utf8) else { return false }
        }
        return reader.oddities.isEmpty
    }
}
