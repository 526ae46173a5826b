import Backplane
import Capture
import Cryptography
import JSON

/// Envelopes of ASP.NET Core: channel, kind, protocols, excluded connections and methods stay, values are replaced.
extension PayloadFilter {
    /// Redacts an envelope of either backplane.
    ///
    /// - Parameter bytes: as recorded unredacted: the payload of SignalR 2, or a ``CoreRecord``.
    func filtered(_ bytes: UnsafeRawBufferPointer, _ form: EnvelopeForm) -> [UInt8] {
        guard case .core(_, let rootCount) = form else { return filtered(bytes) }
        // Without the channel its meaning is unknown.
        guard let record = try? CoreRecord(bytes) else { return hiddenCore(bytes) }
        let payload: [UInt8]
        if record.channel.count > rootCount, let name = CoreChannelName(record.channel, rootCount: rootCount),
            var decoded = try? CorePayload(decoding: record.payload, as: name.kind)
        {
            names?.rename(&decoded)
            payload = filtered(decoded)
        } else {
            payload = hiddenCore(record.payload)
        }
        let channel = names?.renamed(channel: record.channel, rootCount: rootCount) ?? Array(record.channel)
        return CoreRecord.bytes(channel: channel, payload: payload)
    }

    /// Re-encoded: additional items after those of a node are not recorded.
    private func filtered(_ payload: CorePayload) -> [UInt8] {
        switch payload {
        // Groups and connections only; without them groups cannot be followed.
        case .groupCommand, .ack: return payload.encoded()
        case .invocation(var invocation):
            for index in invocation.frames.indices {
                let frame = invocation.frames[index]
                invocation.frames[index].bytes = filtered(frame.bytes, protocolName: frame.protocolName)
            }
            return CorePayload.invocation(invocation).encoded()
        case .completion(var completion):
            completion.frame = filtered(completion.frame, protocolName: completion.protocolName)
            return CorePayload.completion(completion).encoded()
        }
    }

    private func filtered(_ frame: [UInt8], protocolName: String) -> [UInt8] {
        frame.withUnsafeBytes { frame in
            guard let format = CoreFormat.allCases.first(where: { $0.name == protocolName }) else {
                return hiddenCore(frame)
            }
            var walk = CoreHubMessageWalk(frame, format)
            let filter = CoreFrameFilter(mode: mode, hiddenMembers: hiddenMembers) { kind, bytes in
                Self.hash(bytes, kind: kind, key: key)
            }
            var output: [UInt8] = []
            do throws(CoreError) {
                while let message = try walk.next() {
                    switch format {
                    case .json: output += json(message)
                    case .messagePack: output += filter.messagePack(message)
                    }
                }
            } catch {
                return hiddenCore(frame)
            }
            return output
        }
    }

    private func json(_ message: CoreHubMessage) -> [UInt8] {
        if mode == .none { return Self.emptyJSON(message) }
        let object = UnsafeRawBufferPointer(rebasing: message.payload[message.range.dropLast()])
        // Routing information is not user data.
        let keeping = ["type", "target", "invocationId", "streamIds"]
        // Nested too deeply.
        guard let redacted = redactor.redacted(object, keeping: keeping) else { return Self.emptyJSON(message) }
        return redacted + [0x1E]
    }

    /// A message of the same type without values.
    private static func emptyJSON(_ message: CoreHubMessage) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw("{\"type\":\(message.typeNumber)")
        if let id = message.invocationID {
            writer.raw(",\"invocationId\":")
            writer.string(id.text)
        }
        if let target = message.target {
            writer.raw(",\"target\":")
            writer.string(target.text)
        }
        if message.arguments != nil { writer.raw(",\"arguments\":[]") }
        if message.type == .streamItem { writer.raw(",\"item\":null") }
        writer.raw("}\u{1E}")
        return writer.bytes
    }

    /// A payload whose values cannot be found.
    private func hiddenCore(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        switch mode {
        case .none: []
        case .hash: Array(Self.hash(bytes, kind: "b", key: key).utf8)
        case .full: Array(JSONRedactor.hidden.utf8)
        }
    }
}
