import Backplane

/// As what an envelope of ASP.NET Core is forwarded, if it is: decision logic without I/O.
enum CoreForward {
    enum Outcome {
        case publish(channel: [UInt8], payload: [UInt8])
        /// It means nothing at the target.
        case leftOut(CoreLeftOut)
        /// It has been there, or here, before.
        case returned
        /// No payload that a node would take, or one that nobody can mark.
        case undecodable
    }

    /// - Parameters:
    ///   - bytes: a ``CoreRecord``.
    ///   - hub: that it is of.
    ///   - target: the hub that it goes to.
    ///   - renaming: of its group or user.
    ///   - place: the mark of the place that it leaves.
    ///   - places: the marks of those where it must not have been.
    static func outcome(
        of bytes: UnsafeRawBufferPointer, _ hub: CoreHub, to target: CoreHub, _ renaming: CoreRenaming = CoreRenaming(),
        leaving place: String, unlessBeenAt places: [String]
    ) -> Outcome {
        guard let record = try? CoreRecord(bytes), let name = hub.parse(record.channel),
            let view = try? CorePayloadView(name.kind, record.payload)
        else { return .undecodable }
        if let kind = CoreLeftOut(name.kind, view) { return .leftOut(kind) }
        let marked = try? CoreForwardMark.mark(
            record.payload, name.kind, leaving: place, unlessBeenAt: places)
        switch marked {
        case .marked(let payload):
            let recipient = renaming.renamed(name.kind, name.name).map { Array($0.utf8) } ?? Array(name.name)
            return .publish(channel: target.channel(name.kind, recipient), payload: payload)
        case .returned: return .returned
        case .unmarkable, nil: return .undecodable
        }
    }
}
