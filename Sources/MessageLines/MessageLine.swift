import Backplane
package import Capture
import Time

/// Formats one line per message, in columns, as `cat`, `tail` and `diff` print it.
package struct MessageLine {
    package private(set) var style: LineStyle
    private var columns = LineColumns()
    /// The offset of local time is cached for a quarter of an hour: no zone changes within one.
    private var zone: (quarter: UInt64, offset: Int)?

    package init(_ style: LineStyle) {
        self.style = style
    }

    /// The terminal was resized.
    ///
    /// - Parameter width: columns of a line; no effect if lines are unlimited.
    package mutating func fit(to width: Int) {
        if style.width != nil { style.width = width }
    }

    /// Appends the lines of an envelope in UTF-8, each with a line break: one per message, or a single one if there is
    /// none or it cannot be decoded.
    package mutating func append(_ envelope: CapturedEnvelope, to buffer: inout [UInt8]) {
        let start = buffer.count
        do throws(EnvelopeFault) {
            var view = try EnvelopeView(envelope.payload, envelope.form)
            var count = 0
            while let message = try view.next() {
                append(message, id: view.id, envelope: envelope, to: &buffer)
                count += 1
            }
            if count == 0 { append("(no messages)", nil, id: view.id, envelope: envelope, to: &buffer) }
        } catch {
            buffer.removeSubrange(start...)
            let id = envelope.form == .signalR2 ? try? EnvelopeID.parse(envelope.payload).id : nil
            append(
                "undecodable: \(error)  \(envelope.payload.count) B", .red, id: id, envelope: envelope, to: &buffer)
        }
    }

    /// A line without message columns.
    private mutating func append(
        _ text: String, _ colour: Colour?, id: UInt64?, envelope: CapturedEnvelope, to buffer: inout [UInt8]
    ) {
        append(
            LineColumns.Cells(
                time: time(envelope.receivedAt), id: id.map(String.init) ?? "-", signal: "", call: text, size: ""),
            callIsLast: true, callColour: colour, to: &buffer)
    }

    private mutating func append(
        _ message: SentMessage, id: UInt64?, envelope: CapturedEnvelope, to buffer: inout [UInt8]
    ) {
        let (address, call): (String, String) =
            switch message.wire {
            case .signalR2(let view): (PrintableText.line(view.key), what(view))
            case .core(let view): (CoreLine(style).address(view), CoreLine(style).text(view, message))
            }
        append(
            LineColumns.Cells(
                time: time(envelope.receivedAt), id: id.map(String.init) ?? "-", signal: address, call: call,
                size: "\(message.size) B"),
            callIsLast: style.showsValues, callColour: .green, to: &buffer)
    }

    private mutating func append(
        _ cells: LineColumns.Cells, callIsLast: Bool, callColour: Colour?, to buffer: inout [UInt8]
    ) {
        for (column, before, text) in columns.line(cells, width: style.width, callIsLast: callIsLast) {
            buffer += before.utf8
            let colour: Colour? =
                switch column {
                case .time, .size: nil
                case .id: .yellow
                case .signal: .cyan
                case .call: callColour
                }
            buffer += paint(text, colour).utf8
        }
        buffer.append(UInt8(ascii: "\n"))
    }

    private mutating func time(_ time: UInt64) -> String {
        switch style.clock {
        case .exact: return UTCTime.rfc3339(time)
        case .utc: return LocalTime.text(time, offset: 0) + "Z"
        case .local:
            let quarter = time / 900_000_000_000
            if zone?.quarter != quarter { zone = (quarter, LocalTime.offset(at: time)) }
            return LocalTime.text(time, offset: zone?.offset ?? 0)
        }
    }

    /// `chatHub.broadcastMessage(2)` for a call, or with its arguments, else the purpose of the message.
    private func what(_ message: MessageView) -> String {
        switch message.kind {
        case .command:
            guard let command = try? Command(decoding: message.value) else { return other(message) }
            return command.type.label + (command.value.map { " " + PrintableText.line($0) } ?? "")
        case .ack:
            return message.kind.label
        default:
            guard let invocation = HubInvocation(scanning: message.value) else { return other(message) }
            let name = PrintableText.line("\(invocation.hubName).\(invocation.methodName)")
            guard style.showsValues else { return "\(name)(\(invocation.argumentCount))" }
            return "\(name)(\(value(invocation.arguments.dropFirst().dropLast())))"
        }
    }

    private func other(_ message: MessageView) -> String {
        let label = message.kind.label
        return style.showsValues && !message.value.isEmpty ? "\(label) \(value(message.value[...]))" : label
    }

    /// As written in the message, on one line, limited to what can be displayed.
    private func value(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        let seen = style.width.map { bytes.prefix(4 * $0) } ?? bytes
        return PrintableText.line(seen.map { $0 == 0x0A || $0 == 0x0D || $0 == 0x09 ? 0x20 : $0 })
    }

    private enum Colour: Int {
        case red = 31
        case green, yellow
        case cyan = 36
    }

    private func paint(_ text: String, _ colour: Colour?) -> String {
        guard style.isColoured, let colour else { return text }
        return "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m"
    }
}

/// Describes an envelope of ASP.NET Core for a line.
struct CoreLine {
    private let style: LineStyle

    init(_ style: LineStyle) {
        self.style = style
    }

    /// The channel without the hub. On a terminal the name of a node is shortened: its machine tells more than its GUID.
    func address(_ view: CoreEnvelopeView) -> String {
        guard style.width != nil, view.name.kind == .ack || view.name.kind == .result,
            let server = CoreServerName(view.name.name)
        else { return PrintableText.line(view.channelEnd) }
        let infix = view.channelEnd.dropLast(view.name.name.count)
        return PrintableText.line(Array(infix) + Array("\(server.machine)_\(server.guid.prefix(8))…".utf8))
    }

    /// `ChatHub.Receive(2)`, `ChatHub AddToGroup room CONNECTION`, `ChatHub ack 7`, `ChatHub result ID`, `ChatHub ping 7
    /// of a relay, to CONNECTION`.
    func text(_ view: CoreEnvelopeView, _ message: SentMessage) -> String {
        let hub = PrintableText.line(CoreEnvelopeView.className(view.hub))
        let isPing = CorePing.isPing(view.name, view.payload)
        switch view.payload {
        case .groupCommand(let command) where isPing:
            return "\(hub) ping \(command.id) of a relay, to \(PrintableText.line(command.connection))"
        case .ack(let ack) where isPing: return "\(hub) ack \(ack.id) to a relay's ping"
        case .groupCommand(let command):
            return
                "\(hub) \(command.name) \(PrintableText.line(command.group)) \(PrintableText.line(command.connection))"
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
            return "\(hub) (\(PrintableText.line(what.utf8)))"
        }
        let arguments =
            style.showsValues ? value(call.arguments.lineJSON.dropFirst().dropLast()) : "\(call.argumentCount)"
        let asks = invocation.asksForResult ? " asks for a result" : ""
        return "\(hub).\(PrintableText.line(call.method.text.utf8))(\(arguments))\(asks)"
    }

    private func result(_ view: CoreEnvelopeView) -> String {
        guard let message = view.message else { return " result" }
        let id = message.invocationID.map { " " + PrintableText.line($0.text.utf8) } ?? ""
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
        return PrintableText.line(seen.map { $0 < 0x20 ? 0x20 : $0 })
    }
}

/// How to show messages, one per line.
package struct LineStyle: Sendable {
    /// How to write times.
    package enum Clock: Sendable {
        /// RFC 3339 in UTC with nanoseconds, for programs.
        case exact
        /// `2026-11-29 07:00:12.123Z`
        case utc
        /// `2026-11-29 08:00:12.123`, in local time.
        case local
    }

    /// With ANSI escape sequences.
    package var isColoured: Bool
    package var clock: Clock
    /// Maximum line length in columns; nil for unlimited.
    package var width: Int?
    /// With the arguments of calls.
    package var showsValues: Bool

    /// The defaults are for programs: no colours, whole lines, exact times, no values.
    package init(isColoured: Bool = false, clock: Clock = .exact, width: Int? = nil, showsValues: Bool = false) {
        self.isColoured = isColoured
        self.clock = clock
        self.width = width
        self.showsValues = showsValues
    }
}
