import Backplane
import Capture
import Redis
import Testing

@testable import LivePage
@testable import Relay

@Suite struct EnvelopeSamplerTests {
    private func batch(_ count: Int, channel: Int = 0, id: UInt64 = 1) -> EnvelopeBatch {
        let batch = EnvelopeBatch()
        let message = Message(
            source: "s", key: "h-chatHub", value: Array(#"{"H":"chatHub","M":"send","A":["secret"]}"#.utf8))
        batch.receivedAt = 1_700_000_000_500_000_000
        for index in 0..<count {
            let envelope = Envelope(
                id: id + UInt64(index),
                body: ScaleoutMessage(
                    messages: [message], createdTicks: DotNetTicks(unixNanoseconds: 1_700_000_000_000_000_000).rawValue)
            )
            envelope.encoded().withUnsafeBytes { batch.append(channel: channel, payload: $0) }
        }
        return batch
    }

    @Test func nothingIsTakenWhileNobodyLooks() {
        let sampler = EnvelopeSampler(forms: [.signalR2])
        _ = sampler.take()
        sampler.offer(batch(10))
        #expect(sampler.take().isEmpty)
        sampler.want(true)
        sampler.offer(batch(10))
        #expect(sampler.take().count == EnvelopeSampler.share)
        sampler.want(false)
        sampler.offer(batch(10))
        #expect(sampler.take().isEmpty)
    }

    @Test func aBusyChannelDoesNotTakeTheShareOfAQuietOne() {
        let sampler = EnvelopeSampler(forms: [.signalR2, .signalR2])
        _ = sampler.take()
        sampler.want(true)
        for _ in 0..<1_000 { sampler.offer(batch(100)) }
        sampler.offer(batch(1, channel: 1))
        let taken = sampler.take()
        #expect(taken.count { $0.channel == 0 } == EnvelopeSampler.share)
        #expect(taken.count { $0.channel == 1 } == 1)
    }

    @Test func aLineTellsWhatItIsAndKeepsTheValueForItself() throws {
        let sampler = EnvelopeSampler(forms: [.signalR2])
        _ = sampler.take()
        sampler.want(true)
        sampler.offer(batch(1, id: 42))
        let envelope = try #require(sampler.take().first)
        let line = LiveLine(envelope, number: 1, showsValue: false)
        #expect(line.id == 42 && line.kind == "hub" && line.hub == "chatHub" && line.method == "send")
        #expect(line.latency == 0.5 && line.value == nil)
        #expect(LiveLine(envelope, number: 1, showsValue: true).value?.contains("secret") == true)
    }

    @Test func whatIsNoEnvelopeIsALineToo() {
        let line = Array("17 rubbish".utf8).withUnsafeBytes {
            LiveLine(SampledEnvelope($0, channel: 0, receivedAt: 1), number: 1, showsValue: true)
        }
        #expect(line.kind == "undecodable" && line.id == 17 && line.size == 10 && line.messages == 0)
    }

    @Test func topCallsAreCapped() {
        var calls = TopCalls()
        for number in 0..<1_000 { calls.count(hub: "hub", method: "method\(number)") }
        for _ in 0..<3 { calls.count(hub: "hub", method: "method7") }
        #expect(calls.total == 1_003)
        #expect(calls.rows.count == TopCalls.shown)
        #expect(calls.rows.first == TopCalls.Row(hub: "hub", method: "method7", count: 4))
    }

    @Test(arguments: [(CommandType.addToGroup, "add to group"), (.abort, "abort")])
    func aCommandIsNamed(type: CommandType, name: String) {
        let command = Command(waitForAck: true, id: "c", type: type, value: "hg-chatHub.secret")
        let message = Message(source: "s", key: "c-x", value: command.encoded(), commandID: "c", waitForAck: true)
        let envelope = Envelope(id: 7, body: ScaleoutMessage(messages: [message], createdTicks: 0))
        let line = envelope.encoded().withUnsafeBytes {
            LiveLine(SampledEnvelope($0, channel: 0, receivedAt: 1), number: 1, showsValue: false)
        }
        #expect(line.kind == "command" && line.hub == nil && line.method == name && line.value == nil)
    }
}
