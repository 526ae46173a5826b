import Capture
import Redis
import Testing

@testable import Relay

@Suite struct GapCauseTests {
    enum Step {
        case stopped, disconnected, dropped, failover
        case subscribed(runID: String?, outputBuffer: Int?, at: String = "redis:6379")
        case arrived(Int, GapCause?)
    }

    struct Story: CustomTestStringConvertible {
        var testDescription: String
        var resumes = false
        var steps: [Step]
    }

    static let stories: [Story] = [
        Story(
            testDescription: "nothing happened",
            steps: [.subscribed(runID: "a", outputBuffer: 0), .arrived(0, nil)]),
        Story(
            testDescription: "an earlier run recorded", resumes: true,
            steps: [.subscribed(runID: "a", outputBuffer: 0), .arrived(0, .notRecording), .arrived(0, nil)]),
        Story(
            testDescription: "the relay's own stop explains nothing",
            steps: [.subscribed(runID: "a", outputBuffer: 0), .stopped, .arrived(0, nil)]),
        Story(
            testDescription: "events in this run take precedence over an earlier pause",
            resumes: true,
            steps: [
                .subscribed(runID: "a", outputBuffer: 0), .arrived(1, .notRecording), .disconnected,
                .arrived(0, .connectionLost), .arrived(1, .connectionLost),
            ]),
        Story(
            testDescription: "the connection was lost",
            steps: [
                .subscribed(runID: "a", outputBuffer: 0), .arrived(0, nil), .disconnected,
                .subscribed(runID: "a", outputBuffer: 0), .arrived(0, .connectionLost), .arrived(0, nil),
                .arrived(1, .connectionLost), .arrived(1, nil),
            ]),
        Story(
            testDescription: "another server is the master now",
            steps: [
                .subscribed(runID: "a", outputBuffer: 0), .failover,
                .subscribed(runID: "b", outputBuffer: 0, at: "other:6379"), .arrived(0, .failover), .arrived(0, nil),
            ]),
        Story(
            testDescription: "another server took over unannounced, INFO denied",
            steps: [
                .subscribed(runID: nil, outputBuffer: nil), .disconnected,
                .subscribed(runID: nil, outputBuffer: nil, at: "other:6379"), .arrived(0, .failover),
            ]),
        Story(
            testDescription: "another server",
            steps: [
                .subscribed(runID: "a", outputBuffer: 5), .disconnected, .subscribed(runID: "b", outputBuffer: 0),
                .arrived(1, .redisRestart), .arrived(0, .redisRestart), .arrived(0, nil),
            ]),
        Story(
            testDescription: "another server with more disconnects is still another server",
            steps: [
                .subscribed(runID: "a", outputBuffer: 0), .disconnected, .subscribed(runID: "b", outputBuffer: 9),
                .arrived(0, .redisRestart),
            ]),
        Story(
            testDescription: "disconnected for its output buffer",
            steps: [
                .subscribed(runID: "a", outputBuffer: 5), .disconnected, .subscribed(runID: "a", outputBuffer: 6),
                .arrived(0, .outputBufferLimit),
            ]),
        Story(
            testDescription: "then an ordinary loss again",
            steps: [
                .subscribed(runID: "a", outputBuffer: 5), .disconnected, .subscribed(runID: "a", outputBuffer: 6),
                .arrived(0, .outputBufferLimit), .disconnected, .subscribed(runID: "a", outputBuffer: 6),
                .arrived(0, .connectionLost),
            ]),
        Story(
            testDescription: "a server that does not report it",
            steps: [
                .subscribed(runID: nil, outputBuffer: nil), .disconnected, .subscribed(runID: nil, outputBuffer: nil),
                .arrived(0, .connectionLost),
            ]),
        Story(
            testDescription: "an earlier report still counts after an empty one",
            steps: [
                .subscribed(runID: "a", outputBuffer: 1), .disconnected, .subscribed(runID: nil, outputBuffer: nil),
                .arrived(0, .connectionLost), .disconnected, .subscribed(runID: "b", outputBuffer: 1),
                .arrived(0, .redisRestart),
            ]),
        Story(
            testDescription: "an old Redis does not count disconnects",
            steps: [
                .subscribed(runID: "a", outputBuffer: nil), .disconnected, .subscribed(runID: "a", outputBuffer: 7),
                .arrived(0, .connectionLost),
            ]),
        Story(
            testDescription: "a drop of the relay, once on every channel",
            steps: [
                .dropped, .arrived(0, .dropped), .arrived(0, nil), .arrived(1, .dropped), .dropped,
                .arrived(1, .dropped),
            ]),
        Story(
            testDescription: "a drop is not a lost connection explained by the server",
            steps: [
                .subscribed(runID: "a", outputBuffer: 0), .disconnected, .subscribed(runID: "a", outputBuffer: 0),
                .dropped, .subscribed(runID: "b", outputBuffer: 1), .arrived(0, .dropped),
            ]),
    ]

    @Test(arguments: stories) func explains(_ story: Story) {
        var disruptions = Disruptions()
        var channels = [0, 1].map { _ in ChannelIDs(earlierID: story.resumes ? 1 : nil, cause: .notRecording) }
        for (index, step) in story.steps.enumerated() {
            switch step {
            case .disconnected: disruptions.disconnected(.closedByServer)
            case .stopped: disruptions.disconnected(.stopped)
            case .failover: disruptions.disconnected(.failover)
            case .dropped: disruptions.dropped()
            case .subscribed(let runID, let kills, let endpoint):
                disruptions.subscribed(Subscription(server: Self.server(runID, kills), endpoint: endpoint))
            case .arrived(let channel, let cause):
                #expect(channels[channel].settle(disruptions)?.cause == cause, "step \(index)")
            }
        }
    }

    @Test func aPromotionIsAFailover() {
        func subscription(_ role: String) -> Subscription {
            Subscription(server: RedisServerInfo(infoText: "run_id:a\r\nrole:\(role)\r\n"), endpoint: "redis:6379")
        }
        var disruptions = Disruptions()
        disruptions.subscribed(subscription("slave"))
        // A sentinel ends the subscriptions of the replica that it promotes.
        disruptions.disconnected(.closedByServer)
        disruptions.subscribed(subscription("master"))
        #expect(disruptions.cause == .failover)
        disruptions.disconnected(.closedByServer)
        disruptions.subscribed(subscription("master"))
        #expect(disruptions.cause == .connectionLost)
    }

    private static func server(_ runID: String?, _ kills: Int?) -> RedisServerInfo? {
        guard let runID else { return nil }
        let count = kills.map { "client_output_buffer_limit_disconnections:\($0)\r\n" } ?? ""
        return RedisServerInfo(infoText: "run_id:\(runID)\r\n\(count)")
    }
}
