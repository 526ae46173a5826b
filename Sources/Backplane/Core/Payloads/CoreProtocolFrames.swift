/// Gives an invocation the frames that it lacks, so that clients of each of these protocols can be sent it. Frames that are
/// there stay as they are, byte for byte, also those of other protocols.
package struct CoreProtocolFrames: Sendable, Equatable {
    /// Why an invocation cannot get a frame.
    package enum Failure: Error, Equatable, Sendable {
        case conversion(CoreConversionError)
        /// It has a frame of neither JSON nor MessagePack.
        case noFrame

        /// Stable snake_case name.
        package var label: String {
            switch self {
            case .conversion(let error): error.reason.label
            case .noFrame: "no_frame"
            }
        }
    }

    /// What each envelope has to carry.
    package let protocols: [CoreFormat]
    /// As of ``CoreFrameConversion``.
    package let allowsUntyped: Bool

    package init(_ protocols: [CoreFormat], allowsUntyped: Bool = false) {
        self.protocols = protocols
        self.allowsUntyped = allowsUntyped
    }

    /// - Returns: the payload with the frames that were missing; nil if none was.
    package func completed(_ view: CoreInvocationView) throws(Failure) -> [UInt8]? {
        let missing = protocols.filter { range(of: $0, in: view) == nil }
        guard !missing.isEmpty else { return nil }
        var invocation = CoreInvocation(view)
        for format in missing {
            let source: CoreFormat = format == .json ? .messagePack : .json
            guard let range = range(of: source, in: view) else { throw .noFrame }
            do throws(CoreConversionError) {
                let frame = try CoreFrameConversion.converted(
                    UnsafeRawBufferPointer(rebasing: view.payload[range]), from: source, allowUntyped: allowsUntyped)
                invocation.frames.append(.init(protocolName: format.name, bytes: frame))
            } catch {
                throw .conversion(error)
            }
        }
        return invocation.encoded()
    }

    private func range(of format: CoreFormat, in view: CoreInvocationView) -> Range<Int>? {
        format == .json ? view.json : view.messagePack
    }
}
