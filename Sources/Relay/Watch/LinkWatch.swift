import NIOCore
import NIOPosix
import Redis

/// Follows the role of the server subscribed to, and its link to its master, for a command without ``RedisWatch``: a
/// replica stops delivering without a sign on the subscription.
struct LinkWatch: Sendable {
    private static let interval = Duration.seconds(1)
    /// The same at a master.
    private static let calmInterval = Duration.milliseconds(2_500)
    private static let retry = Duration.milliseconds(500)

    private let redis: RedisConfiguration
    private let subscription: AuditedSubscription
    private let context: RelayContext
    private let eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

    /// - Parameter context: its status must be notified of the subscription.
    init(redis: RedisConfiguration, subscription: AuditedSubscription, context: RelayContext) {
        var redis = redis
        redis.clientName += "-watch"
        self.redis = redis
        self.subscription = subscription
        self.context = context
    }

    /// Runs until the task is cancelled.
    func run() async {
        // Not exposed.
        let metrics = WatchMetrics(context.registry, channels: [])
        var role = RoleWatch(redis: redis, metrics: metrics, subscription: subscription, context: context)
        while !Task.isCancelled {
            if let server = subscription.server {
                // The subscription logs why Redis cannot be reached.
                try? await watch(server, &role)
            }
            // On cancellation the loop condition ends it.
            try? await Task.sleep(for: Self.retry)
        }
    }

    /// Runs until the connection fails, or the subscription has moved.
    private func watch(_ server: RedisEndpoint, _ role: inout RoleWatch) async throws {
        let client = try await RedisClient.connect(to: redis.pinned(to: server), eventLoopGroup: eventLoopGroup)
        do {
            try await role.connected(client, eventLoopGroup: eventLoopGroup)
            while true {
                if let now = subscription.server, now != server { break }
                try await role.look(client, eventLoopGroup: eventLoopGroup)
                try await Task.sleep(for: role.isReplica ? Self.interval : Self.calmInterval)
            }
            await client.close()
        } catch {
            await client.close()
            throw error
        }
    }
}
