import Backplane
import Capture

/// Decides how to publish an envelope of ASP.NET Core, if at all: decision logic without I/O.
struct CoreComposer {
    /// A publish; nil means unchanged from the envelope's record.
    struct Publication {
        let record: CoreRecord
        let view: CoreInvocationView?
        var channel: [UInt8]?
        var payload: [UInt8]?

        /// Calls `body` with the Redis channel and the payload.
        func withBytes(_ body: (_ channel: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) -> Void) {
            func place(
                _ bytes: [UInt8]?, _ captured: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
            ) {
                if let bytes { bytes.withUnsafeBytes(body) } else { body(captured) }
            }
            place(channel, record.channel) { channel in place(payload, record.payload) { body(channel, $0) } }
        }

        var byteCount: Int { payload?.count ?? record.payload.count }
    }

    enum Outcome {
        /// Valid as long as the envelope's bytes.
        case publish(Publication)
        case leftOut(CoreLeftOut)
        /// It lacks a frame that cannot be derived with certainty; the reason is a stable snake_case name.
        case refused(reason: String)
        /// Not a payload that a node accepts, or not of this hub.
        case undecodable
    }

    private let options: CoreReplayOptions
    private let renaming: CoreRenaming
    private let frames: CoreProtocolFrames?
    /// By captured topic: the start of its channels at the target; nil if unchanged.
    private var roots: OrdinalNameMap<[UInt8]?> = [:]

    init(_ options: ReplayOptions) {
        self.options = options.core
        renaming = options.renaming
        frames =
            options.core.protocols.isEmpty
            ? nil : CoreProtocolFrames(options.core.protocols, allowsUntyped: options.core.allowsUntyped)
    }

    mutating func outcome(of envelope: CapturedEnvelope) -> Outcome {
        guard case .core(let prefixCount, let rootCount) = envelope.form,
            let record = try? CoreRecord(envelope.payload), record.channel.count > rootCount,
            let name = CoreChannelName(record.channel, rootCount: rootCount),
            let view = try? CorePayloadView(name.kind, record.payload)
        else { return .undecodable }
        if let reason = CoreLeftOut(name, view), !options.included.contains(reason) { return .leftOut(reason) }
        var invocation: CoreInvocationView?
        if case .invocation(let view) = view { invocation = view }
        var publication = Publication(record: record, view: invocation)
        publication.channel = channel(
            record.channel, name, root: root(of: envelope.channel, record.channel, prefixCount, rootCount), rootCount)
        if case .groupCommand(let command) = view, let group = renaming.renamed(.group, command.group),
            case .groupCommand(var copy)? = try? CorePayload(decoding: record.payload, as: .groupCommand)
        {
            copy.group = group
            publication.payload = copy.encoded()
        }
        if let frames, let invocation {
            do throws(CoreProtocolFrames.Failure) {
                publication.payload = try frames.completed(invocation)
            } catch {
                return .refused(reason: error.label)
            }
        }
        return .publish(publication)
    }

    /// - Returns: nil if unchanged.
    private func channel(
        _ captured: UnsafeRawBufferPointer, _ name: CoreChannelName, root: [UInt8]?, _ rootCount: Int
    ) -> [UInt8]? {
        let newName = renaming.renamed(name.kind, name.name)
        guard root != nil || newName != nil else { return nil }
        let infix = captured[rootCount..<captured.count - name.name.count]
        return (root ?? Array(captured[..<rootCount])) + infix + (newName.map { Array($0.utf8) } ?? Array(name.name))
    }

    private mutating func root(
        of topic: String, _ channel: UnsafeRawBufferPointer, _ prefixCount: Int, _ rootCount: Int
    ) -> [UInt8]? {
        if renaming.prefixes.isEmpty, renaming.hubs.isEmpty { return nil }
        if let known = roots[topic] { return known }
        let target = renaming.target(of: Self.hub(channel, prefixCount, rootCount))
        let root = target.root.elementsEqual(channel[..<rootCount]) ? nil : target.root
        roots[topic] = .some(root)
        return root
    }

    private static func hub(_ channel: UnsafeRawBufferPointer, _ prefixCount: Int, _ rootCount: Int) -> CoreHub {
        CoreHub(
            prefix: String(decoding: channel[..<prefixCount], as: UTF8.self),
            type: String(decoding: channel[prefixCount..<rootCount], as: UTF8.self))
    }
}

extension CapturedEnvelope {
    /// nil if it does not belong to a hub of ASP.NET Core.
    var hub: CoreHub? {
        guard case .core(let prefixCount, _) = form else { return nil }
        let root = Array(channel.utf8)
        return CoreHub(root: root, prefix: String(decoding: root.prefix(prefixCount), as: UTF8.self))
    }
}
