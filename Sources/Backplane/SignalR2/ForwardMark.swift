/// The places that have forwarded an envelope, so that forwarders do not pass it around forever.
///
/// Each place is an additional entry in the messages' filters, `backplane-relay:<place>`. A filter lists signals
/// excluded from a message, and no client has this one: every decoder reads the envelope, and nothing else changes.
package enum ForwardMark {
    static let prefix = "backplane-relay:"

    /// Whether a payload may go to a target.
    package enum Outcome: Equatable, Sendable {
        /// The blob including the mark.
        case marked([UInt8])
        /// One of the given places has forwarded it before.
        case returned
    }

    /// - Parameters:
    ///   - blob: the argument of the publish script.
    ///   - place: the place that forwards the envelope, printable ASCII without `|`.
    ///   - places: if one of them has forwarded the envelope before, the outcome is ``Outcome/returned``.
    /// - Throws: the blob's error; a blob without messages cannot be marked and is refused.
    package static func mark(
        _ blob: UnsafeRawBufferPointer, leaving place: String, unlessBeenAt places: [String]
    ) throws(EnvelopeError) -> Outcome {
        var body = try ScaleoutMessage(decoding: blob)
        guard !body.messages.isEmpty else { throw EnvelopeError(.truncated, at: blob.count) }
        let returning = Set(places.map { prefix + $0 })
        for index in body.messages.indices {
            let entries = body.messages[index].filter.utf8.split(separator: UInt8(ascii: "|"))
            if entries.contains(where: { returning.contains(String(Substring($0))) }) { return .returned }
            body.messages[index].filter += "|" + prefix + place
        }
        return .marked(body.encoded())
    }
}
