/// The places where a forwarded envelope has been, so that a ring of forwarders does not send it round for ever.
///
/// Each place is one more entry in the messages' filters, `backplane-relay:<place>`. A filter lists signals that shall
/// not get the message, and nobody listens to this one: every decoder reads the envelope, and nothing else changes.
package enum ForwardMark {
    static let prefix = "backplane-relay:"

    /// Whether a payload may go to a target.
    package enum Outcome: Equatable, Sendable {
        /// The blob with the mark in it.
        case marked([UInt8])
        /// It has been at one of these places before.
        case returned
    }

    /// - Parameters:
    ///   - blob: what the publish script gets.
    ///   - place: the place that it leaves, printable ASCII without `|`.
    ///   - places: where it must not have been.
    /// - Throws: what is wrong with the blob; one without a message holds no mark and is refused as such.
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
