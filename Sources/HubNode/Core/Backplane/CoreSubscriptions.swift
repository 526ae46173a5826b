import Backplane
import Redis

/// A hub's subscriptions in addition to its fixed channels. Changes go to Redis in order, one batch at a time: a
/// channel that is joined and left at once does not stay subscribed, and many simultaneous connections take few round
/// trips.
actor CoreSubscriptions {
    private struct Wish {
        let name: [UInt8]
        let isWanted: Bool
        let done: CheckedContinuation<Bool, Never>
    }

    private let subscriber: RedisSubscriber
    private let executor: any SerialExecutor
    private var wishes: [Wish] = []
    private var isBusy = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(subscriber: RedisSubscriber, executor: any SerialExecutor) {
        self.subscriber = subscriber
        self.executor = executor
    }

    /// Returns once Redis has confirmed the subscription.
    ///
    /// - Returns: false if there is no connection, or Redis refuses. Without a connection the next one subscribes the
    ///   name.
    func subscribe(_ channel: [UInt8]) async -> Bool {
        await withCheckedContinuation { begin(Wish(name: channel, isWanted: true, done: $0)) }
    }

    func unsubscribe(_ channel: [UInt8]) async {
        _ = await withCheckedContinuation { begin(Wish(name: channel, isWanted: false, done: $0)) }
    }

    /// Like ``subscribe(_:)`` and ``unsubscribe(_:)``, without waiting: changes go to Redis in the order of these calls,
    /// because their tasks begin on this actor's event loop.
    func startSubscribing(_ channel: [UInt8]) -> Task<Bool, Never> {
        Task { await subscribe(channel) }
    }

    func startUnsubscribing(_ channel: [UInt8]) {
        Task { await unsubscribe(channel) }
    }

    private func begin(_ wish: Wish) {
        wishes.append(wish)
        guard !isBusy else { return }
        isBusy = true
        Task { await work() }
    }

    private func work() async {
        while !wishes.isEmpty {
            // A batch ends before the first change that reverts one of its own.
            var names: Set<[UInt8]> = []
            let batch = Array(wishes.prefix { names.insert($0.name).inserted })
            wishes.removeFirst(batch.count)
            let added = batch.filter(\.isWanted)
            let removed = batch.filter { !$0.isWanted }
            if !added.isEmpty {
                let change = await subscriber.add(
                    added.map { SubscribedName(channel: $0.name, index: 0, keepsName: true) })
                for wish in added { wish.done.resume(returning: change == .confirmed) }
            }
            if !removed.isEmpty {
                await subscriber.remove(
                    removed.map { SubscribedName(channel: $0.name, index: 0, keepsName: true).key })
                for wish in removed { wish.done.resume(returning: true) }
            }
        }
        isBusy = false
    }
}
