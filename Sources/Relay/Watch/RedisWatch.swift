import Logging
import NIOCore
import Redis

/// Asks Redis now and then, over a connection of its own, what the subscription itself cannot tell: who listens, how far
/// the counter is, how much waits for us there. It also carries out the pre-flight once.
///
/// All of it is optional: where the ACL does not permit a command, its metric is left out and everything else goes on.
struct RedisWatch: Sendable {
    static let interval = Duration.seconds(5)
    private static let firstRetry = Duration.seconds(1)
    private static let lastRetry = Duration.seconds(60)

    let redis: RedisConfiguration
    let channels: [String]
    let status: RelayStatus
    let metrics: WatchMetrics
    let eventLoopGroup: any EventLoopGroup
    let logger: Logger

    /// Until the task is cancelled.
    func run() async {
        var looked = false
        var wait = Self.firstRetry
        while !Task.isCancelled {
            // The subscription logs why Redis cannot be reached; a second voice would say nothing new.
            if let client = try? await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup) {
                wait = Self.firstRetry
                try? await withTaskCancellationHandler {
                    if !looked {
                        try await preflight(client)
                        looked = true
                    }
                    try await poll(client)
                } onCancel: {
                    Task { await client.close() }
                }
                await client.close()
            }
            // Cancelled while waiting: the loop's condition ends it.
            try? await Task.sleep(for: wait)
            wait = min(wait * 2, Self.lastRetry)
        }
    }

    private func preflight(_ client: RedisClient) async throws {
        let report = try await Preflight(client: client, configuration: redis, channels: channels).look()
        for finding in report.findings() { logger.warning("pre-flight", metadata: ["cause": "\(finding.text)"]) }
        if !report.notPermitted.isEmpty {
            logger.info(
                "some commands are not permitted; what they tell is left out",
                metadata: ["commands": "\(report.notPermitted.joined(separator: " "))"])
        }
        if let limit = report.outputBufferLimit { metrics.setOutputBufferLimit(limit.hardBytes) }
    }

    /// Until the connection fails.
    private func poll(_ client: RedisClient) async throws {
        var refused: Set<Question> = []
        var memory = Memory(channels: channels.count, metrics)
        while !Task.isCancelled {
            for question in Question.allCases where !refused.contains(question) {
                do {
                    try await ask(question, client, &memory)
                } catch let error as RedisError where error.isRefusalOfCommand {
                    refused.insert(question)
                } catch RedisError.serverError {
                    // Such as a key of another type: the next round may find another answer.
                }
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    private enum Question: CaseIterable {
        case subscribers
        case counters
        case outputBuffer
    }

    /// What was found at the last looks, by channel.
    private struct Memory {
        var silence: [SilenceDetector]
        var bytes: [Int]

        init(channels: Int, _ metrics: WatchMetrics) {
            silence = Array(repeating: SilenceDetector(), count: channels)
            bytes = (0..<channels).map(metrics.envelopeBytes(channel:))
        }
    }

    private func ask(_ question: Question, _ client: RedisClient, _ memory: inout Memory) async throws {
        switch question {
        case .subscribers:
            let reply = try await client.send(["PUBSUB", "NUMSUB"] + channels.map { .text($0) })
            guard let parts = reply.array, parts.count == channels.count * 2 else { return }
            for index in channels.indices {
                guard let count = parts[index * 2 + 1].integer else { continue }
                metrics.setSubscribers(Int(count), channel: index)
                let bytes = metrics.envelopeBytes(channel: index)
                metrics.addEgress(ofBytes: bytes - memory.bytes[index], to: Int(count), channel: index)
                memory.bytes[index] = bytes
            }
        case .counters:
            for (index, channel) in channels.enumerated() {
                // Before the counter: what is published in between has not been seen, and is not expected yet.
                let envelopes = metrics.envelopes(channel: index)
                if let id = try await client.send(["GET", .text(channel)]).text.flatMap({ UInt64($0) }) {
                    metrics.setIssuedID(id, channel: index)
                    let isSilent = memory.silence[index].look(issuedID: id, envelopes: envelopes)
                    metrics.setSilent(isSilent, channel: index)
                }
            }
        case .outputBuffer:
            guard let connection = status.connectionID else { return }
            let reply = try await client.send(["CLIENT", "LIST", "ID", "\(connection)"])
            if let bytes = reply.text.flatMap({ InfoFields(client: $0)["omem"] }).flatMap({ Int($0) }) {
                metrics.setOutputBuffer(bytes)
            }
        }
    }
}
