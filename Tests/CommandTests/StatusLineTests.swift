import Testing

@testable import LivePage
@testable import backplane_relay

@Suite struct StatusLineTests {
    private func channel(
        _ name: String, _ sentence: String, isCalm: Bool = true, missing: Int = 0, _ times: UInt64...
    ) -> RelaySnapshot.Channel {
        RelaySnapshot.Channel(name: name, isCalm: isCalm, sentence: sentence, times: times, missing: missing)
    }

    @Test func oneChannelShowsItsStateAndTheRecording() {
        var line = StatusLine()
        let chat = channel("chat", "healthy: 12 envelopes/s, nothing missing since {0}", 1_795_400_000_000_000_000)
        _ = line.text(
            RelaySnapshot(channels: [chat], records: true, recordedBytes: 1_000, writtenBytes: 1_000), width: 200)
        let text = line.text(
            RelaySnapshot(channels: [chat], records: true, recordedBytes: 20_480, writtenBytes: 5_120), width: 200)
        #expect(
            text.wholeMatch(
                of:
                    #/chat  healthy: 12 envelopes/s, nothing missing since \d\d:\d\d:\d\d  written 4.0 KiB/s, 5.0 KiB, ratio 4.0/#
            ) != nil, "\(text)")
        #expect(
            line.text(RelaySnapshot(channels: [chat], records: true, recordedBytes: 0, writtenBytes: 0), width: 20)
                == "chat  healthy: 1...")
    }

    @Test func ofSeveralChannelsThoseThatNeedActionAreShown() {
        var line = StatusLine()
        let calm = [channel("a", "healthy: x"), channel("b", "quiet: y")]
        #expect(
            line.text(RelaySnapshot(channels: calm, records: true, recordedBytes: 0, writtenBytes: 0), width: 99)
                == "2 channels, nothing missing")
        let after = calm + [channel("c", "healthy: z", missing: 1_200)]
        #expect(
            line.text(RelaySnapshot(channels: after, records: true, recordedBytes: 0, writtenBytes: 0), width: 99)
                == "3 channels, no trouble now, ids missing since the start: 1,200")
        #expect(
            line.text(RelaySnapshot(channels: calm, records: false, recordedBytes: 0, writtenBytes: 0), width: 99)
                == "2 channels, nothing missing, not recorded")
        #expect(
            line.text(RelaySnapshot(channels: after, records: false, recordedBytes: 0, writtenBytes: 0), width: 99)
                == "3 channels, no trouble now, ids missing since the start: 1,200, not recorded")
        var hubs = [channel("orcChat", "healthy: x"), channel("orcNews", "quiet: y")]
        for index in hubs.indices { hubs[index].isHub = true }
        #expect(
            line.text(RelaySnapshot(channels: hubs, records: true, recordedBytes: 0, writtenBytes: 0), width: 99)
                == "2 hubs, no trouble, completeness unknown")
        #expect(
            line.text(
                RelaySnapshot(channels: [calm[0]] + hubs, records: true, recordedBytes: 0, writtenBytes: 0), width: 99)
                == "1 channel and 2 hubs, nothing missing of SignalR 2, unknown for ASP.NET Core")
        hubs[1].isCalm = false
        hubs[1].sentence = "no nodes: z"
        #expect(
            line.text(
                RelaySnapshot(channels: calm + hubs, records: true, recordedBytes: 0, writtenBytes: 0), width: 99)
                == "1 of 2 channels and 2 hubs: orcNews  no nodes: z")
        let troubled =
            calm + [channel("c", "Redis down", isCalm: false), channel("d\u{1B}[2J", "gap: 3", isCalm: false)]
        #expect(
            line.text(RelaySnapshot(channels: troubled, records: true, recordedBytes: 0, writtenBytes: 0), width: 99)
                == "2 of 4 channels: c  Redis down; d\u{FFFD}[2J  gap: 3")
    }
}
