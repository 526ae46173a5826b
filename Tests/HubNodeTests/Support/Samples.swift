import Backplane
import Logging
import NIOCore

@testable import HubNode

extension StoredEnvelope {
    init(_ id: UInt64, _ messages: Backplane.Message...) {
        self.init(Envelope(id: id, body: ScaleoutMessage(messages: messages, createdTicks: 0)))
    }
}

extension Message {
    /// A message for everyone in the hub.
    static func toHub(_ value: String = "{}", key: String = "h-chatHub", filter: String = "") -> Message {
        Message(source: "server", key: key, value: Array(value.utf8), filter: filter)
    }
}

extension TokenKey {
    /// The key of all nodes in these tests.
    static let shared = TokenKey(secret: Array("a secret of the tests, 32 bytes or more".utf8)) ?? .random()
}

extension Logger {
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// JSON as text.
func text(_ json: [UInt8]?) -> String? {
    json.map { String(decoding: $0, as: UTF8.self) }
}
