import Backplane
import Capture
import JSON
import NIOCore
import Relay
import Time

/// Encodes one server-sent event for a page; its data is a JSON object. Times are milliseconds since 1970.
struct LiveFrame {
    private var json = JSONWriter()

    /// - Parameters:
    ///   - event: `state` (everything), `tick` (a second has passed) or `change` (something happened).
    ///   - sequence: ascending over all frames, so that a page can skip older ones.
    init(_ event: String, sequence: UInt64, snapshot: LiveSnapshot) {
        json.raw("event: \(event)\ndata: {\"seq\":\(sequence),\"now\":\(Self.milliseconds(snapshot.now.realtime))")
    }

    /// Including the final blank line.
    func finished() -> ByteBuffer {
        var frame = self
        frame.json.raw("}\n\n")
        return ByteBuffer(bytes: frame.json.bytes)
    }

    // MARK: - Parts

    mutating func addChannels(_ snapshot: LiveSnapshot, samples: Samples, tables: Bool) {
        list("channels", snapshot.channels.indices) { writer, index in
            let channel = snapshot.channels[index]
            writer.raw(#"{"name":"#)
            writer.string(channel.name)
            writer.raw(#","backplane":"\#(channel.dialect.label)""#)
            if !channel.prefix.isEmpty {
                writer.raw(#","prefix":"#)
                writer.string(channel.prefix)
            }
            Self.add(snapshot.state(ofChannel: index).verdict, to: &writer)
            if channel.hub == nil { writer.raw(#","missing":\#(channel.missingTotal)"#) }
            writer.raw(#","current":"#)
            Self.add(snapshot.state(ofChannel: index).figures, to: &writer)
            let shown: [LiveSample] =
                switch samples {
                case .none: []
                case .newest: channel.samples.suffix(1)
                case .all: channel.samples.samples
                }
            Self.list(#","samples":"#, shown, to: &writer) { Self.add($1, to: &$0) }
            if tables { Self.addTables(channel, to: &writer) }
            writer.raw("}")
        }
        guard let verdict = snapshot.emptyVerdict else { return }
        json.raw(#","empty":{"name":"""#)
        Self.add(verdict, to: &json)
        json.raw("}")
    }

    enum Samples {
        case none, newest, all
    }

    mutating func addClients(_ clients: [(key: SubscriberTable.Key, row: SubscriberTable.Row)]) {
        list("clients", clients) { writer, client in
            writer.raw(#"{"name":"#)
            writer.string(client.key.name)
            writer.raw(#","ip":"#)
            writer.string(client.key.address)
            writer.raw(
                #","connections":\#(client.row.connections),"waiting":\#(client.row.waiting),"slow":\#(client.row.isSlow)}"#
            )
        }
    }

    mutating func addEvents(_ events: [LiveEvent]) {
        list("events", events) { Self.add($1, to: &$0) }
    }

    mutating func addLines(_ lines: [LiveLine]) {
        list("lines", lines) { Self.add($1, to: &$0) }
    }

    /// - Parameter mayDownload: false without a token.
    mutating func addSegments(_ listing: SegmentCatalog.Listing?, snapshot: LiveSnapshot, mayDownload: Bool) {
        guard let listing else { return }
        json.raw(#","segments":{"total":\#(listing.total),"bytes":\#(listing.bytes),"downloads":\#(mayDownload)"#)
        Self.list(#","newest":"#, listing.newest, to: &json) { Self.add(snapshot.shown($1), to: &$0) }
        json.raw("}")
    }

    mutating func addVersion(_ version: String, showsValues: Bool, records: Bool, hasToken: Bool) {
        json.raw(#","version":"#)
        json.string(version)
        json.raw(#","values":\#(showsValues),"records":\#(records),"token":\#(hasToken)"#)
    }

    mutating func addLinks(_ links: [LiveLink]) {
        list("links", links) { writer, link in
            writer.raw(#"{"title":"#)
            writer.string(link.title)
            writer.raw(#","url":"#)
            writer.string(link.url)
            writer.raw("}")
        }
    }

    private mutating func list<Element>(
        _ name: String, _ elements: some Sequence<Element>, _ add: (inout JSONWriter, Element) -> Void
    ) {
        Self.list(#","\#(name)":"#, elements, to: &json, add)
    }

    private static func list<Element>(
        _ opening: String, _ elements: some Sequence<Element>, to writer: inout JSONWriter,
        _ add: (inout JSONWriter, Element) -> Void
    ) {
        writer.raw(opening + "[")
        for element in elements {
            writer.element()
            add(&writer, element)
        }
        writer.raw("]")
    }

    // MARK: - Elements

    private static func add(_ verdict: ChannelVerdict, to writer: inout JSONWriter) {
        writer.raw(#","kind":"\#(verdict.kind.rawValue)","level":"\#(verdict.level.rawValue)","text":"#)
        writer.string(verdict.sentence.text)
        list(#","times":"#, verdict.sentence.times, to: &writer) { $0.raw("\(milliseconds($1))") }
    }

    /// The figures of the sentence: those of a sample, without its time.
    private static func add(_ figures: ChannelState.Figures, to writer: inout JSONWriter) {
        writer.raw("[\(number(figures.rate)),\(number(figures.bytes)),\(figures.missing),\(text(figures.latency))]")
    }

    /// `[time, envelopes/s, bytes/s, missing, median ms, p99 ms]`; the last two are null without latencies. For the
    /// meaning of the last three for a hub see ``LiveSample``.
    private static func add(_ sample: LiveSample, to writer: inout JSONWriter) {
        writer.raw(
            "[\(milliseconds(sample.at)),\(number(sample.envelopes)),\(number(sample.bytes)),\(sample.missing),\(text(sample.latency))]"
        )
    }

    private static func text(_ latency: LatencyWindow.Quantiles?) -> String {
        guard let latency else { return "null,null" }
        return "\(number(latency.median * 1_000)),\(number(latency.p99 * 1_000))"
    }

    private static func addTables(_ channel: ChannelSnapshot, to writer: inout JSONWriter) {
        list(#","kinds":"#, channel.kinds, to: &writer) { writer, kind in
            writer.raw("[")
            writer.string(kind.label)
            writer.raw(",\(kind.count)]")
        }
        writer.raw(#","undecodable":\#(channel.undecodable),"sampled":\#(channel.calls.total)"#)
        list(#","calls":"#, channel.calls.rows, to: &writer) { writer, row in
            writer.raw("[")
            writer.string(row.hub)
            writer.raw(",")
            writer.string(row.method)
            writer.raw(",\(row.count)]")
        }
        if let hub = channel.hub { addTables(hub, to: &writer) }
    }

    /// Tables that only hubs of ASP.NET Core have: `[protocol, envelopes with it, envelopes without it]` and
    /// `[command, count]`.
    private static func addTables(_ hub: HubSnapshot, to writer: inout JSONWriter) {
        list(#","protocols":"#, hub.protocols, to: &writer) { writer, figures in
            writer.raw(#"["\#(figures.name)",\#(figures.envelopes),\#(figures.lacking)]"#)
        }
        list(#","commands":"#, hub.commands, to: &writer) { writer, command in
            writer.raw(#"["\#(command.label)",\#(command.count)]"#)
        }
    }

    private static func add(_ event: LiveEvent, to writer: inout JSONWriter) {
        writer.raw(#"{"n":\#(event.number),"at":\#(milliseconds(event.at)),"why":"#)
        // For a doubt: why it is unknown whether ids are missing.
        let doubt = event.event.event == CaptureEvent.mayBeMissingName ? event.event.reason : nil
        writer.string(Words.cause(doubt ?? event.event.cause ?? event.event.reason ?? "unknown"))
        writer.raw(",")
        // The object as in a capture, whose first brace is already written.
        writer.raw(event.event.json().dropFirst())
    }

    private static func add(_ line: LiveLine, to writer: inout JSONWriter) {
        writer.raw(
            #"{"n":\#(line.number),"at":\#(milliseconds(line.at)),"channel":\#(line.channel),"size":\#(line.size),"messages":\#(line.messages),"kind":"#
        )
        writer.string(line.kind)
        // As text: JavaScript numbers are exact only up to 2^53.
        if let id = line.id { writer.raw(#","id":"\#(id)""#) }
        if let latency = line.latency { writer.raw(#","latency":\#(number(latency * 1_000))"#) }
        for (name, text) in [
            ("hub", line.hub), ("method", line.method), ("target", line.target), ("value", line.value),
        ] {
            guard let text else { continue }
            writer.raw(#","\#(name)":"#)
            writer.string(text)
        }
        writer.raw("}")
    }

    private static func add(_ segment: SegmentCatalog.Segment, to writer: inout JSONWriter) {
        writer.raw(#"{"name":"#)
        writer.string(segment.stored.name)
        writer.raw(
            #","size":\#(segment.stored.size),"start":\#(milliseconds(segment.stored.startedAt)),"end":\#(milliseconds(segment.stored.endedAt)),"state":"\#(segment.state)""#
        )
        if let missing = segment.stored.missingIDs { writer.raw(#","missing":\#(missing)"#) }
        list(#","ids":"#, segment.ids.sorted { $0.key < $1.key }, to: &writer) { writer, ids in
            writer.raw("[")
            writer.string(ids.key)
            writer.raw(#","\#(ids.value.lowerBound)","\#(ids.value.upperBound)"]"#)
        }
        writer.raw("}")
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> UInt64 { nanoseconds / 1_000_000 }

    /// At most two decimals, never an exponent.
    private static func number(_ value: Double) -> String {
        guard value.isFinite, value.magnitude < 1e15 else { return "0" }
        let hundredths = Int((value * 100).rounded())
        let fraction = abs(hundredths % 100)
        let whole = hundredths < 0 && hundredths > -100 ? "-0" : "\(hundredths / 100)"
        return fraction == 0 ? whole : whole + "." + (fraction < 10 ? "0" : "") + "\(fraction)"
    }
}
