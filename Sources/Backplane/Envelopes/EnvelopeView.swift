/// One envelope of either backplane in place, without copying or allocating.
///
/// ```swift
/// var envelope = try EnvelopeView(bytes, form)
/// while let message = try envelope.next() {
///     count(message.kind)
/// }
/// ```
/// The envelope is known to be valid only once `next()` has returned nil. Usable as long as the bytes.
package struct EnvelopeView {
    private enum Wire {
        case signalR2(EnvelopeWalk)
        case core(CoreEnvelopeView, isHandedOut: Bool)
    }

    private var wire: Wire
    private let bytes: UnsafeRawBufferPointer

    /// - Parameters:
    ///   - bytes: as recorded: the payload of SignalR 2, or a ``CoreRecord``.
    ///   - form: how to read them.
    package init(_ bytes: UnsafeRawBufferPointer, _ form: EnvelopeForm) throws(EnvelopeFault) {
        self.bytes = bytes
        switch form {
        case .signalR2:
            do throws(EnvelopeError) { wire = .signalR2(try EnvelopeWalk(bytes)) } catch { throw .signalR2(error) }
        case .core(let prefixCount, let rootCount):
            do throws(CoreError) {
                let view = try CoreEnvelopeView(bytes, prefixCount: prefixCount, rootCount: rootCount)
                wire = .core(view, isHandedOut: false)
            } catch {
                throw .core(error)
            }
        }
    }

    /// The backplane that it was published on.
    package var dialect: Dialect { core == nil ? .signalR2 : .core }

    /// As published.
    package var payload: UnsafeRawBufferPointer { core?.record.payload ?? bytes }

    /// nil if the wire has no ids.
    package var id: UInt64? {
        if case .signalR2(let walk) = wire { walk.id } else { nil }
    }

    /// When the publisher created it, in ``DotNetTicks``; nil if the wire has no time. Final once `next()` has returned
    /// nil.
    package var createdTicks: Int64? {
        if case .signalR2(let walk) = wire { walk.createdTicks } else { nil }
    }

    /// The Redis channel; nil for SignalR 2, where it is the event key.
    package var redisChannel: UnsafeRawBufferPointer? { core?.record.channel }

    /// Stable snake_case names of its oddities; complete once `next()` has returned nil.
    package var oddities: [String] {
        switch wire {
        case .signalR2(let walk): walk.oddities.labels
        case .core(let view, _): view.payload.oddities.labels
        }
    }

    /// nil for SignalR 2.
    package var core: CoreEnvelopeView? {
        if case .core(let view, _) = wire { view } else { nil }
    }

    /// The next message. An ASP.NET Core envelope has exactly one, in one or more hub protocols.
    ///
    /// - Returns: nil after the last one.
    package mutating func next() throws(EnvelopeFault) -> SentMessage? {
        switch wire {
        case .signalR2(var walk):
            do throws(EnvelopeError) {
                let message = try walk.next()
                wire = .signalR2(walk)
                return message.map { SentMessage($0) }
            } catch {
                throw .signalR2(error)
            }
        case .core(let view, let isHandedOut):
            guard !isHandedOut else { return nil }
            wire = .core(view, isHandedOut: true)
            return SentMessage(view)
        }
    }
}

/// Why an envelope of either backplane does not decode.
package enum EnvelopeFault: Error, Equatable, Sendable, CustomStringConvertible {
    case signalR2(EnvelopeError)
    case core(CoreError)

    /// Stable snake_case name, for the `reason` label of metrics.
    package var label: String {
        switch self {
        case .signalR2(let error): error.reason.label
        case .core(let error): error.reason.label
        }
    }

    package var description: String {
        switch self {
        case .signalR2(let error): error.description
        case .core(let error): error.description
        }
    }
}
