import Backplane
import Capture

/// Describes an envelope of ASP.NET Core for a line.
struct CoreLine {
    private let style: LineStyle

    init(_ style: LineStyle) {
        self.style = style
    }

    /// `ChatHub.Receive(2)`, `ChatHub AddToGroup room CONNECTION`, `ChatHub ack 7`, `ChatHub result ID`.
    func text(_ view: CoreEnvelopeView, _ message: SentMessage) -> String {
        let hub = printable(CoreEnvelopeView.className(view.hub))
        switch view.payload {
        case .groupCommand(let command):
            return "\(hub) \(command.name) \(printable(command.group)) \(printable(command.connection))"
        case .ack(let ack): return "\(hub) ack \(ack.id)"
        case .completion: return hub + result(view)
        case .invocation(let invocation): return call(hub, invocation, view, message)
        }
    }

    private func call(
        _ hub: String, _ invocation: CoreInvocationView, _ view: CoreEnvelopeView, _ message: SentMessage
    ) -> String {
        guard let call = message.call else {
            // Frames of unknown protocols only, or none.
            let what = view.message?.type?.label ?? invocation.protocols.joined(separator: ", ")
            return "\(hub) (\(MessageLine.printable(what.utf8)))"
        }
        let arguments =
            style.showsValues ? value(call.arguments.lineJSON.dropFirst().dropLast()) : "\(call.argumentCount)"
        let asks = invocation.asksForResult ? " asks for a result" : ""
        return "\(hub).\(MessageLine.printable(call.method.text.utf8))(\(arguments))\(asks)"
    }

    private func result(_ view: CoreEnvelopeView) -> String {
        guard let message = view.message else { return " result" }
        let id = message.invocationID.map { " " + MessageLine.printable($0.text.utf8) } ?? ""
        if message.error != nil {
            guard style.showsValues, let error = message.error else { return " error\(id)" }
            return " error\(id) \(value(ArraySlice(error.text.utf8)))"
        }
        guard style.showsValues, let range = message.value else { return " result\(id)" }
        return " result\(id) \(value(ArraySlice(message.value(range).lineJSON)))"
    }

    /// On one line, limited to what can be displayed.
    private func value(_ json: ArraySlice<UInt8>) -> String {
        let seen = style.width.map { json.prefix(4 * $0) } ?? json
        return MessageLine.printable(seen.map { $0 < 0x20 ? 0x20 : $0 })
    }

    private func printable(_ bytes: UnsafeRawBufferPointer) -> String { MessageLine.printable(bytes) }
}
