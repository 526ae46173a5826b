/// The places that have forwarded a payload, so that forwarders do not pass it around forever.
///
/// Nodes read the items of a payload that they know and ignore the rest. The mark is one additional item: an array of
/// texts, `backplane-relay:<place>`. An invocation has two items, or four if a result is requested: payloads with four
/// are not marked, because more than three means that a result is requested. A group command has five.
package enum CoreForwardMark {
    static let prefix = "backplane-relay:"

    /// Whether a payload may go to a target.
    package enum Outcome: Equatable, Sendable {
        /// The payload including the mark.
        case marked([UInt8])
        /// One of the given places has forwarded it before.
        case returned
        /// A payload that requests or returns a result, or has unknown items: it must not be forwarded.
        case unmarkable
    }

    /// - Parameters:
    ///   - kind: of the channel on which the payload arrived.
    ///   - place: the place that forwards the payload, printable ASCII.
    ///   - places: if one of them has forwarded the payload before, the outcome is ``Outcome/returned``.
    /// - Throws: the payload's error.
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
        // Everything before the mark is copied byte for byte, except the number of items.
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

    /// The places that have forwarded a payload.
    ///
    /// - Parameter mark: range of its mark.
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

    /// Whether this item was written by ``mark(_:_:leaving:unlessBeenAt:)``.
    static func isMark(_ payload: UnsafeRawBufferPointer, _ item: Range<Int>) -> Bool {
        var reader = MessagePackReader(payload, in: item)
        guard let count = try? reader.arrayCount(), count > 0 else { return false }
        for _ in 0..<count {
            guard let entry = try? reader.text(), entry.starts(with: prefix.utf8) else { return false }
        }
        return reader.oddities.isEmpty
    }
}
