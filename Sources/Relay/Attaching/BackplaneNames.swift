import Backplane
import Redis

extension BackplaneChannel {
    /// The names to subscribe to.
    ///
    /// - Parameters:
    ///   - index: of its envelopes in a batch.
    ///   - connections: for a hub, include messages to single connections: see ``CoreWatch``.
    func names(index: Int, connections: Bool) -> [SubscribedName] {
        switch self {
        case .signalR2(let key): [SubscribedName(channel: key, index: index)]
        case .core(let hub): CoreWatch(hub, connections: connections).names(index: index)
        }
    }
}

extension CoreWatch {
    fileprivate func names(index: Int) -> [SubscribedName] {
        channels.map { SubscribedName(channel: $0, index: index, keepsName: true) }
            + beginnings.map { SubscribedName(pattern: $0.pattern, beginning: $0.beginning, index: index) }
    }
}

extension MessageHeader {
    /// Makes a message of ASP.NET Core a ``CoreRecord``.
    static let coreRecord = MessageHeader(
        count: { CoreRecord.headerCount(channel: $0, payload: $1) },
        write: { CoreRecord.writeHeader(channel: $0, payloadCount: $1, to: $2) })
}
