/// A text in place, either JSON or UTF-8.
package typealias TextInPlace = CoreText

/// One message of an envelope of either backplane, in place, with the properties needed by filters, lines and tables.
/// Valid as long as the envelope's bytes.
package struct SentMessage {
    /// The message as its backplane has it.
    package enum Wire {
        case signalR2(MessageView)
        case core(CoreEnvelopeView)
    }

    /// For what only one of the backplanes has.
    package let wire: Wire
    /// What it is for.
    package let kind: EnvelopeKind

    init(_ view: MessageView) {
        wire = .signalR2(view)
        kind = EnvelopeKind(view.kind)
    }

    init(_ view: CoreEnvelopeView) {
        wire = .core(view)
        kind = EnvelopeKind(view.name.kind)
    }

    /// Hub of the SignalR 2 signal, or type of the ASP.NET Core hub; nil if none is named.
    package var hub: UnsafeRawBufferPointer? {
        switch wire {
        case .signalR2(let view): SignalParts(view.key)?.hub
        case .core(let view): view.hub
        }
    }

    /// The recipient group, user, connection or server, UTF-8; nil if it is for all.
    package var target: UnsafeRawBufferPointer? {
        switch wire {
        case .signalR2(let view): SignalParts(view.key)?.name
        case .core(let view): view.target
        }
    }

    /// UTF-8: the signal of SignalR 2, or the Redis channel, which names the recipients in ASP.NET Core.
    package var address: UnsafeRawBufferPointer {
        switch wire {
        case .signalR2(let view): view.key
        case .core(let view): view.record.channel
        }
    }

    /// UTF-8: a connection or a node; nil if the wire does not name the sender.
    package var sender: UnsafeRawBufferPointer? {
        switch wire {
        case .signalR2(let view): return view.source
        case .core(let view):
            if case .groupCommand(let command) = view.payload { return command.server }
            return nil
        }
    }

    /// Size of the value, or of the payload.
    package var size: Int {
        switch wire {
        case .signalR2(let view): view.value.count
        case .core(let view): view.record.payload.count
        }
    }

    /// The call of a client method; nil if it is not a call.
    package var call: SentCall? {
        switch wire {
        case .signalR2(let view):
            guard let call = HubInvocation(scanning: view.value) else { return nil }
            return SentCall(
                hub: TextInPlace(call.hubText), method: TextInPlace(call.methodText),
                argumentCount: call.argumentCount,
                arguments: CoreValue(
                    payload: call.arguments, format: .json, range: 0..<call.arguments.count))
        case .core(let view):
            guard let message = view.message, let method = message.target, let arguments = message.arguments else {
                return nil
            }
            return SentCall(
                hub: TextInPlace(view.hub), method: method, argumentCount: arguments.count,
                arguments: CoreValue(payload: arguments.payload, format: arguments.format, range: arguments.range))
        }
    }

    /// Calls `body` with the bytes that contain values, for text search: one part, or one frame per protocol.
    package func forEachValue(_ body: (UnsafeRawBufferPointer) -> Void) {
        switch wire {
        case .signalR2(let view): body(view.value)
        case .core(let view): view.forEachFrame { _, frame in body(frame) }
        }
    }
}

/// A call of a client method, in place.
package struct SentCall {
    /// The hub as the message names it.
    package let hub: TextInPlace
    /// The client method.
    package let method: TextInPlace
    /// Number of arguments.
    package let argumentCount: Int
    /// The whole array, JSON or MessagePack.
    package let arguments: CoreValue
}

/// Hub and name in a signal's key, as in ``Signal``.
struct SignalParts {
    /// nil for a signal without a hub.
    let hub: UnsafeRawBufferPointer?
    /// The group, user or connection; nil if it is for all.
    let name: UnsafeRawBufferPointer?

    /// - Returns: nil if the key contains neither.
    init?(_ key: UnsafeRawBufferPointer) {
        let dash = UInt8(ascii: "-")
        func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: key[range]) }
        guard key.count > 2 else { return nil }
        if key[0] == UInt8(ascii: "h"), key[1] == dash {
            (hub, name) = (part(2..<key.count), nil)
            return
        }
        if key[0] == UInt8(ascii: "c"), key[1] == dash {
            (hub, name) = (nil, part(2..<key.count))
            return
        }
        guard key[0] == UInt8(ascii: "h"), key[2] == dash else { return nil }
        switch key[1] {
        case UInt8(ascii: "c"), UInt8(ascii: "g"), UInt8(ascii: "u"):
            guard let dot = key.firstIndex(of: UInt8(ascii: ".")), dot >= 3 else { return nil }
            (hub, name) = (part(3..<dot), part(dot + 1..<key.count))
        default: return nil
        }
    }
}

/// The purpose of a message on either backplane. Few values, suitable as a metric label.
package enum EnvelopeKind: UInt8, CaseIterable, Sendable {
    // SignalR 2. Kinds that exist on both backplanes are listed here.
    case hub
    case client
    case group
    case user
    case connection
    case persistentConnection
    case persistentConnectionGroup
    case command
    case ack
    case other
    // ASP.NET Core only.
    case all
    case groupCommand
    case result

    /// The kind of a message of SignalR 2.
    package init(_ kind: MessageKind) {
        switch kind {
        case .hub: self = .hub
        case .client: self = .client
        case .group: self = .group
        case .user: self = .user
        case .connection: self = .connection
        case .persistentConnection: self = .persistentConnection
        case .persistentConnectionGroup: self = .persistentConnectionGroup
        case .command: self = .command
        case .ack: self = .ack
        case .other: self = .other
        }
    }

    /// The kind of a channel of ASP.NET Core.
    package init(_ kind: CoreKind) {
        switch kind {
        case .all: self = .all
        case .group: self = .group
        case .user: self = .user
        case .connection: self = .connection
        case .groupCommand: self = .groupCommand
        case .ack: self = .ack
        case .result: self = .result
        }
    }

    /// Stable snake_case name, for the `kind` label of metrics: that of the kind on its own wire.
    package var label: String { Self.labels[Int(rawValue)] }

    private static let labels: [String] = {
        var labels = [String](repeating: "", count: allCases.count)
        for kind in MessageKind.allCases { labels[Int(Self(kind).rawValue)] = kind.label }
        for kind in CoreKind.allCases { labels[Int(Self(kind).rawValue)] = kind.label }
        return labels
    }()
}
