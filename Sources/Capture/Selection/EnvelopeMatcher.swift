package import Backplane

/// Tells which envelopes a ``CaptureSelection`` wants: prepared once, then the cheapest questions first and nothing
/// allocated for an envelope. Payloads are decoded only if something is asked of messages.
package struct EnvelopeMatcher: Sendable {
    private let selection: CaptureSelection
    private let asksForID: Bool
    /// nil if nothing is asked of messages.
    private let messages: MessageMatcher?

    /// Prepared once, asked for each envelope.
    package init(_ selection: CaptureSelection) {
        self.selection = selection
        asksForID = selection.fromID != nil || selection.untilID != nil
        messages = MessageMatcher(selection)
    }

    /// - Parameters:
    ///   - channel: the event key, or prefix and type of the hub.
    ///   - receivedAt: nanoseconds since 1970.
    package func selects(
        channel: String, receivedAt: UInt64, payload: UnsafeRawBufferPointer, _ form: EnvelopeForm = .signalR2
    ) -> Bool {
        selects(receivedAt: receivedAt) && selects(channel: channel) && selects(payload: payload, form)
    }

    @inline(__always)
    func selects(receivedAt time: UInt64) -> Bool {
        if let from = selection.from, time < from { return false }
        if let until = selection.until, time >= until { return false }
        return true
    }

    func selects(channel: String) -> Bool {
        selection.channels.isEmpty || selection.channels.contains(OrdinalName(channel))
    }

    /// All but time and channel.
    package func selects(payload: UnsafeRawBufferPointer, _ form: EnvelopeForm = .signalR2) -> Bool {
        if asksForID {
            guard form == .signalR2, let id = try? EnvelopeID.parse(payload).id else { return false }
            if let from = selection.fromID, id < from { return false }
            if let until = selection.untilID, id > until { return false }
        }
        return messages?.fitsOne(of: payload, form) ?? true
    }
}
