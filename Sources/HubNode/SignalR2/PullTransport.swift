import Hummingbird
import NIOCore

/// A response that writes a client's frames: a stream as long as it lasts, a poll until the first frame.
struct PullTransport: Sendable {
    enum Style: Sendable {
        case serverSentEvents
        case foreverFrame(id: UInt32)
        case poll(callback: String?)
    }

    let session: SessionRequest
    let style: Style
    let broker: MessageBroker

    func response(_ channel: any Channel) -> Response {
        let transport = self
        return Answer.stream(
            style,
            ResponseBody { writer in
                if let opening = transport.opening { try await writer.write(ByteBuffer(string: opening)) }
                let outlet = await transport.broker.open(transport.session, line: .pull(waiting: nil))
                let (broker, id) = (transport.broker, transport.session.connectionID)
                await ConnectionWatch.whenEnded(channel) {
                    broker.assumeIsolated { $0.closed(connectionID: id, outlet: outlet) }
                }
                do {
                    try await transport.write(outlet, to: &writer)
                } catch {
                    await broker.closed(connectionID: id, outlet: outlet)
                    throw error
                }
                await broker.closed(connectionID: id, outlet: outlet)
                try await writer.finish(nil)
            })
    }

    // The writer is not confined to an actor.
    @concurrent
    private func write(_ outlet: UInt64, to writer: inout any ResponseBodyWriter) async throws {
        while true {
            switch await broker.nextDelivery(connectionID: session.connectionID, outlet: outlet) {
            case .frame(let frame):
                try await writer.write(contentsOf: framed(frame.content))
                if case .poll = style { return }
            case .keepAlive:
                try await writer.write(ByteBuffer(string: keepAlive))
            case .end:
                return
            }
        }
    }

    private func framed(_ json: ByteBuffer) -> [ByteBuffer] {
        switch style {
        case .serverSentEvents: [ByteBuffer(string: "data: "), json, ByteBuffer(string: "\n\n")]
        case .foreverFrame:
            [ByteBuffer(string: "<script>r(c, "), Self.inScript(json), ByteBuffer(string: ");</script>\r\n")]
        case .poll(let callback): [Answer.wrapped(String(buffer: json), callback: callback)]
        }
    }

    private var keepAlive: String {
        switch style {
        case .serverSentEvents: "data: {}\n\n"
        case .foreverFrame: "<script>r(c, {});</script>\r\n"
        case .poll: " "
        }
    }

    private var opening: String? {
        switch style {
        case .serverSentEvents: "data: initialized\n\n"
        case .foreverFrame(let id): ForeverFramePage.opening(frameID: id)
        case .poll: nil
        }
    }

    /// JSON in a script element must not close it: `</` becomes `<\/`, which is equivalent in a string.
    private static func inScript(_ json: ByteBuffer) -> ByteBuffer {
        guard json.readableBytesView.contains(UInt8(ascii: "<")) else { return json }
        var safe = ByteBufferAllocator().buffer(capacity: json.readableBytes + 16)
        var previous: UInt8 = 0
        for byte in json.readableBytesView {
            if previous == UInt8(ascii: "<"), byte == UInt8(ascii: "/") { safe.writeInteger(UInt8(ascii: "\\")) }
            safe.writeInteger(byte)
            previous = byte
        }
        return safe
    }
}

/// The initial document of a forever frame. Its names are those that the client script expects in its parent.
enum ForeverFramePage {
    static func opening(frameID: UInt32) -> String {
        """
        <!DOCTYPE html><html><head><title>SignalR Forever Frame Transport Stream</title>\r
        <script>\r
            var $ = window.parent.jQuery,\r
                ff = $ ? $.signalR.transports.foreverFrame : null,\r
                c =  ff ? ff.getConnection('\(frameID)') : null,\r
                r = ff ? ff.receive : function() {};\r
            ff ? ff.started(c) : '';</script></head><body>\r

        """
    }
}
