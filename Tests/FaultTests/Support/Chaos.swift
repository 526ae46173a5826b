import Foundation
import Redis
import TestSupport

/// Executes a plan.
final class Chaos: Sendable {
    private let scene: Scene
    private let plan: FaultPlan
    private let disk: String
    private let writes: FailingWrites
    private let clock: SteppingClock
    private let proxy: WireProxy

    private init(
        scene: Scene, plan: FaultPlan, disk: String, writes: FailingWrites, clock: SteppingClock, proxy: WireProxy
    ) {
        self.scene = scene
        self.plan = plan
        self.disk = disk
        self.writes = writes
        self.clock = clock
        self.proxy = proxy
    }

    /// - Returns: the account of the run.
    static func run(_ plan: FaultPlan) async throws -> Account {
        let redis =
            ["--enable-debug-command", "yes"]
            + (plan.isPersistent ? ["--appendonly", "yes", "--appendfsync", "always"] : [])
        return try await RedisServer.with(redis) { redis in
            try await TinyDisk.with(megabytes: 128) { disk in
                try await TemporaryDirectory.with { folder in
                    try await WireProxy.with(to: redis) { proxy in
                        let writes = try await FailingWrites(in: folder)
                        let clock = try await SteppingClock(in: folder)
                        let options = options(
                            plan, disk: disk, writes: writes, clock: clock, proxy: proxy, redis: redis)
                        return try await Scene.run(redis, options) { scene in
                            try await Chaos(
                                scene: scene, plan: plan, disk: disk, writes: writes, clock: clock, proxy: proxy
                            ).carryOut()
                            // A segment whose last write was incomplete and could not be repaired is repaired at a
                            // start.
                            if plan.faults.contains(where: { $0.fault == .shortWrite }) { try await scene.stopRelay() }
                        }
                    }
                }
            }
        }
    }

    private static func options(
        _ plan: FaultPlan, disk: String, writes: FailingWrites, clock: SteppingClock, proxy: WireProxy,
        redis: RedisServer
    ) -> Scene.Options {
        var options = Scene.Options(seed: plan.seed)
        options.directory = disk + "/capture"
        options.isDeafAtTheEnd = plan.seed.isMultiple(of: 2)
        options.arguments = ["--segment-duration", "1s", "--fsync", "200ms"]
        options.environment = Shim.environment(
            (plan.faults.contains(where: \.fault.needsFailingWrites) ? [writes.environment] : [])
                + (plan.faults.contains { $0.fault == .clockStep } ? [clock.environment] : []))
        if plan.faults.contains(where: \.fault.needsProxy) { options.redisURL = "redis://127.0.0.1:\(proxy.port)" }
        return options
    }

    // MARK: - Time

    private func carryOut() async throws {
        enum Step { case begin, end }
        let steps = plan.faults.enumerated().flatMap { number, planned in
            [(planned.at, Step.begin, number), (planned.at + planned.holds, Step.end, number)]
        }.sorted { ($0.0, $0.2) < ($1.0, $1.2) }
        let start = ContinuousClock.now
        var state = State(random: SplitMix64(seed: plan.seed &+ 1))
        do {
            for (at, step, number) in steps {
                try await Task.sleep(until: start + at)
                switch step {
                case .begin: try await begin(plan.faults[number].fault, &state)
                case .end: try await end(plan.faults[number].fault, &state)
                }
            }
        } catch {
            // A mounted directory or a frozen server would outlive the test.
            scene.redis.thaw()
            if state.readOnly > 0 { ReadOnly.end(scene.directory) }
            throw error
        }
    }

    /// Faults in progress; those of one kind may overlap.
    private struct State {
        var random: SplitMix64
        var redisStops = 0
        var frozen = 0
        var readOnly = 0
        var full = 0
        var failing = 0
        var paused = 0
        var relayStops = 0
        var limits = 0

        var answersCommands: Bool { redisStops == 0 && frozen == 0 }
    }

    // MARK: - Faults

    private func begin(_ fault: Fault, _ state: inout State) async throws {
        switch fault {
        case .clientKill: try await command(["CLIENT", "KILL", "TYPE", "pubsub"], state)
        case .nodesKilled: try await command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"], state)
        case .flushAll: try await command(["FLUSHALL"], state)
        case .debugSleep:
            let seconds = Double.random(in: 0.1...1, using: &state.random)
            try await command(["DEBUG", "SLEEP", "\(seconds)"], state)
        case .redisRestart:
            state.redisStops += 1
            await scene.redis.stop()
        case .redisFrozen:
            state.frozen += 1
            scene.redis.freeze()
        case .outputBufferLimit:
            state.limits += 1
            try await command(["CONFIG", "SET", "client-output-buffer-limit", "pubsub 64kb 0 0"], state)
            scene.publisher.load = .heavy
            if scene.isRelayRunning { try scene.relay().child.signal(SIGSTOP) }
        case .counterMoved: scene.publisher.burn(Int.random(in: 1...5, using: &state.random))
        case .withoutID: scene.publisher.publishRaw(Int.random(in: 1...20, using: &state.random))
        case .malformed: proxy.inject(Self.garbage.randomElement(using: &state.random) ?? [])
        case .diskFull:
            state.full += 1
            try TinyDisk.fill(disk)
        case .writeError: try fail(.write, &state)
        case .shortWrite: try fail(.short, &state)
        case .syncError: try fail(.sync, &state)
        case .readOnlyDirectory:
            if state.readOnly == 0 { try ReadOnly.begin(scene.directory) }
            state.readOnly += 1
        case .clockStep: try clock.set(seconds: Int.random(in: -7_200...7_200, using: &state.random))
        case .relayPaused:
            state.paused += 1
            if scene.isRelayRunning { try scene.relay().child.signal(SIGSTOP) }
        case .relayStopped:
            state.relayStops += 1
            try await scene.stopRelay()
        case .relayKilled:
            state.relayStops += 1
            await scene.killRelay()
        }
    }

    private func end(_ fault: Fault, _ state: inout State) async throws {
        switch fault {
        case .redisRestart:
            state.redisStops -= 1
            if state.redisStops == 0 { try await scene.redis.start() }
        case .redisFrozen:
            state.frozen -= 1
            if state.frozen == 0 { scene.redis.thaw() }
        case .outputBufferLimit:
            state.limits -= 1
            scene.publisher.load = .usual
            try await command(["CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60"], state)
            try wake(state)
        case .diskFull:
            state.full -= 1
            if state.full == 0 { try TinyDisk.empty(disk) }
        case .writeError, .shortWrite, .syncError:
            state.failing -= 1
            if state.failing == 0 { try writes.end() }
        case .readOnlyDirectory:
            state.readOnly -= 1
            if state.readOnly == 0 { ReadOnly.end(scene.directory) }
        case .clockStep: try clock.set(seconds: 0)
        case .relayPaused:
            state.paused -= 1
            try wake(state)
        case .relayStopped, .relayKilled:
            state.relayStops -= 1
            if state.relayStops == 0, !scene.isRelayRunning { try await scene.startRelay() }
        case .clientKill, .nodesKilled, .debugSleep, .flushAll, .counterMoved, .withoutID, .malformed: break
        }
    }

    private func fail(_ failure: FailingWrites.Failure, _ state: inout State) throws {
        state.failing += 1
        try writes.begin(failure)
    }

    private func wake(_ state: State) throws {
        if state.paused == 0, state.limits == 0, scene.isRelayRunning { try scene.relay().child.signal(SIGCONT) }
    }

    /// Does nothing while the target is not running.
    private func command(_ arguments: [RESPText], _ state: State) async throws {
        guard state.answersCommands else { return }
        try await scene.redis.command(arguments.map { .text($0) })
    }

    private typealias RESPText = String

    /// The offset is random, hence no bytes that could pass for an envelope.
    private static let garbage: [[UInt8]] = ["!!!\r\n", "*-2\r\n", "$-5\r\n", ":12a\r\n"].map { Array($0.utf8) }
}

/// Sets the relay's wall clock while it runs; the monotonic clocks stay correct.
///
/// Not libfaketime: it also changes other clocks, and does not extend a wait when the clock is set back.
struct SteppingClock: Sendable {
    private let library: String
    private let file: String

    init(in folder: String) async throws {
        library = try await Shim.compile("stepping_clock", in: folder)
        file = folder + "/clock"
        try set(seconds: 0)
    }

    /// For the relay that uses this clock.
    var environment: [String: String] { ["LD_PRELOAD": library, "STEPPING_CLOCK": file] }

    /// - Parameter seconds: relative to the true time.
    func set(seconds: Int) throws {
        try Data("\(seconds)".utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
    }
}

/// A directory in which nothing can be created, not even by root: bind-mounted over itself, read-only.
enum ReadOnly {
    static func with<Value>(
        _ path: String, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        try begin(path)
        do {
            let value = try await body()
            end(path)
            return value
        } catch {
            end(path)
            throw error
        }
    }

    static func begin(_ path: String) throws {
        guard mount(path, path, nil, UInt(MS_BIND), nil) == 0 else { throw TestFailure("mount: errno \(errno)") }
        guard mount(nil, path, nil, UInt(MS_BIND) | UInt(MS_REMOUNT) | UInt(MS_RDONLY), nil) == 0 else {
            umount2(path, Int32(MNT_DETACH))
            throw TestFailure("remount: errno \(errno)")
        }
    }

    static func end(_ path: String) {
        umount2(path, Int32(MNT_DETACH))
    }
}
