/// One of the two backplanes. The operator or the capture says which one a channel belongs to; envelopes are never
/// used to guess it.
package enum Dialect: String, Sendable, CaseIterable, Codable {
    /// SignalR 2 of .NET Framework.
    case signalR2 = "signalr2"
    /// SignalR of ASP.NET Core.
    case core

    /// For the `backplane` label of metrics.
    package var label: String { rawValue }

    /// Display name.
    package var name: String {
        switch self {
        case .signalR2: "SignalR 2"
        case .core: "ASP.NET Core SignalR"
        }
    }
}

/// How to read the bytes of an envelope. A trivial value, passed together with the bytes.
package enum EnvelopeForm: Equatable, Sendable {
    /// The payload as published: id, space, blob.
    case signalR2
    /// A ``CoreRecord``: the Redis channel and the payload. The channel begins with the hub's root of `rootCount`
    /// bytes, the first `prefixCount` of which are the channel prefix.
    case core(prefixCount: Int, rootCount: Int)

    /// The backplane whose envelopes have this form.
    @inlinable package var dialect: Dialect {
        if case .signalR2 = self { .signalR2 } else { .core }
    }
}

/// The unit of attaching, recording and reading: an event key of SignalR 2, or a hub of ASP.NET Core with all its Redis
/// channels.
package enum BackplaneChannel: Hashable, Sendable {
    case signalR2(key: String)
    case core(CoreHub)

    /// The event key, or prefix and type of the hub: the topic of captures, the `channel` of metrics.
    package var name: String {
        switch self {
        case .signalR2(let key): key
        case .core(let hub): hub.topic
        }
    }

    /// The backplane that the channel belongs to.
    package var dialect: Dialect { form.dialect }

    /// How to read the envelopes of the channel.
    package var form: EnvelopeForm {
        switch self {
        case .signalR2: .signalR2
        case .core(let hub): hub.form
        }
    }

    /// Compares bytes: to Redis, a name in another Unicode form is another channel.
    package static func == (left: BackplaneChannel, right: BackplaneChannel) -> Bool {
        switch (left, right) {
        case (.signalR2(let left), .signalR2(let right)): left.utf8.elementsEqual(right.utf8)
        case (.core(let left), .core(let right)): left == right
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .signalR2(let key): hasher.combine(OrdinalName(key))
        case .core(let hub): hasher.combine(hub)
        }
    }

    /// nil for SignalR 2.
    package var hub: CoreHub? {
        if case .core(let hub) = self { hub } else { nil }
    }
}

extension CoreHub {
    /// Form of this hub's envelopes.
    package var form: EnvelopeForm { .core(prefixCount: prefix.utf8.count, rootCount: root.count) }
}
