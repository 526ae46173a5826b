import Backplane

/// Changes what a replay is asked to change in a blob: names of hubs, and the time of creation.
struct EnvelopeRewriter {
    private static let ticksSize = 8

    /// Hub name to the new name.
    let hubs: [CaselessName: String]
    let restamps: Bool

    var changesNothing: Bool { hubs.isEmpty && !restamps }

    /// - Parameter now: nanoseconds since 1970.
    /// - Returns: the blob as it is if it does not decode: what is no envelope has no hub and no time.
    func rewritten(_ blob: UnsafeRawBufferPointer, now: UInt64) -> [UInt8] {
        guard var body = try? ScaleoutMessage(decoding: blob) else { return Array(blob) }
        if restamps { body.createdTicks = DotNetTicks(unixNanoseconds: Int64(now)).rawValue }
        for index in body.messages.indices where !hubs.isEmpty { rename(&body.messages[index]) }
        return body.encoded()
    }

    private func rename(_ message: inout Message) {
        message.key = renamed(message.key)
        // Commands name a group's signal, filters name signals of those that shall not get it.
        if !message.filter.isEmpty {
            // By bytes: to a character, a combining mark behind the line would belong to it.
            message.filter = message.filter.utf8.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
                .map { renamed(String(Substring($0))) }.joined(separator: "|")
        }
        if !message.commandID.isEmpty, var command = try? Command(decoding: message.value), let value = command.value {
            command.value = renamed(value)
            if command.value?.isSameOrdinally(as: value) != true { message.value = command.encoded() }
        } else {
            message.value = HubRename.renamed(message.value, by: hubs)
        }
    }

    private func renamed(_ key: String) -> String {
        switch Signal(key: key) {
        case .hub(let hub): hubs[CaselessName(hub)].map { Signal.hub($0).key } ?? key
        case .client(let hub, let id):
            hubs[CaselessName(hub)].map { Signal.client(hub: $0, connectionID: id).key } ?? key
        case .group(let hub, let group):
            hubs[CaselessName(hub)].map { Signal.group(hub: $0, group: group).key } ?? key
        case .user(let hub, let user): hubs[CaselessName(hub)].map { Signal.user(hub: $0, userID: user).key } ?? key
        case .connection, .persistentConnection, .persistentConnectionGroup, .ack, .other: key
        }
    }
}
