import Backplane
import Capture
import FoundationEssentials
import JSON

/// The columns of an envelope of either backplane; nil for what its wire does not have.
struct EnvelopeRow {
    var id: UInt64?
    /// The publisher's clock, nanoseconds since 1970.
    var createdAt: Int64?
    var redisChannel: String?
    /// As published.
    var payload: UnsafeRawBufferPointer
    /// Why it does not decode.
    var error: String?
    var messages: [MessageRow] = []

    init(_ envelope: CapturedEnvelope) {
        payload = envelope.payload
        do throws(EnvelopeFault) {
            var view = try EnvelopeView(envelope.payload, envelope.form)
            payload = view.payload
            id = view.id
            redisChannel = view.redisChannel.map { String(decoding: $0, as: UTF8.self) }
            while let message = try view.next() { messages.append(MessageRow(message)) }
            // The position of the time is known only after the messages.
            createdAt = view.createdTicks.flatMap { DotNetTicks(rawValue: $0).unixNanoseconds }
        } catch {
            messages = []
            switch envelope.form {
            case .signalR2:
                id = try? EnvelopeID.parse(envelope.payload).id
            case .core:
                let record = try? CoreRecord(envelope.payload)
                if let record { payload = record.payload }
                redisChannel = record.map { String(decoding: $0.channel, as: UTF8.self) }
            }
            self.error = error.description
        }
    }
}

/// The columns of a message.
struct MessageRow {
    /// Bytes are written unchanged, in place or copied.
    enum Value {
        case none
        case text(String)
        case bytes(UnsafeRawBufferPointer)
    }

    var source: String?
    /// The recipients, in the notation of SignalR 2.
    var signal: String?
    let kind: String
    var hub: String?
    var method: String?
    /// The whole value for SignalR 2; for ASP.NET Core the arguments as a JSON array, a result or its error.
    var value: Value
    var commandID: String?
    var waitForAck: Bool?
    let isAck: Bool
    var filter: String?
    /// The recipient group, user, connection or server; nil if it is for all.
    var target: String?

    init(_ message: SentMessage) {
        kind = message.kind.label
        let call = message.call
        method = call?.method.text
        target = message.target.map(Self.text)
        source = message.sender.map(Self.text)
        switch message.wire {
        case .signalR2(let view):
            hub = call?.hub.text
            signal = Self.text(view.key)
            value = String(validating: view.value, as: UTF8.self).map { .text($0) } ?? .bytes(view.value)
            commandID = Self.text(view.commandID)
            waitForAck = view.waitForAck
            isAck = view.isAck
            filter = Self.text(view.filter)
        case .core(let view):
            hub = Self.text(view.hub)
            isAck = view.name.kind == .ack
            value = Self.value(view, call)
            switch view.payload {
            case .groupCommand(let command): commandID = "\(command.id)"
            case .ack(let ack): commandID = "\(ack.id)"
            case .invocation, .completion: break
            }
        }
    }

    private static func value(_ view: CoreEnvelopeView, _ call: SentCall?) -> Value {
        if let call { return .text(String(decoding: call.arguments.lineJSON, as: UTF8.self)) }
        if case .groupCommand(let command) = view.payload {
            var writer = JSONWriter()
            writer.raw("[")
            writer.string(command.name)
            writer.raw(",")
            writer.string(text(command.connection))
            writer.raw("]")
            return .text(String(decoding: writer.bytes, as: UTF8.self))
        }
        guard let message = view.message else { return .none }
        if let value = message.value {
            return .text(String(decoding: message.value(value).lineJSON, as: UTF8.self))
        }
        return message.error.map { .text($0.text) } ?? .none
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
}
