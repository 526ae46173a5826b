/// A hub protocol named in an envelope.
package enum CoreProtocol: Hashable, Sendable {
    case json
    case messagePack
    /// A protocol of the application, or `blazorpack` of Blazor Server.
    case other

    @inline(__always)
    package init(_ name: UnsafeRawBufferPointer) {
        if name.count == 4, name.loadUnaligned(as: UInt32.self) == UInt32(littleEndian: 0x6E6F_736A) {
            self = .json
        } else if name.count == 11, Self.word(name, 0) == 0x7065_6761_7373_656D,
            Self.word(name, 3) == 0x6B63_6170_6567_6173
        {
            // "messagep", and "sagepack" overlapping it.
            self = .messagePack
        } else {
            self = .other
        }
    }

    @inline(__always)
    private static func word(_ name: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: name.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// nil for an unknown protocol.
    package var format: CoreFormat? {
        switch self {
        case .json: .json
        case .messagePack: .messagePack
        case .other: nil
        }
    }
}

/// The protocols whose frames can be decoded.
package enum CoreFormat: UInt8, CaseIterable, Sendable {
    case json
    case messagePack

    /// The name in an envelope.
    package var name: String {
        switch self {
        case .json: "json"
        case .messagePack: "messagepack"
        }
    }
}
