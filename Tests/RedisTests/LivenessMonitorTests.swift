import Testing

@testable import Redis

@Suite struct LivenessMonitorTests {
    /// `h`: bytes arrived, `t`: an interval is over.
    @Test(
        arguments: [
            ("t", [.sendPing]),
            ("tt", [.sendPing, .giveUp]),
            ("ht", [.none]),
            ("htt", [.none, .sendPing]),
            ("httt", [.none, .sendPing, .giveUp]),
            ("htht", [.none, .none]),
            ("hhht", [.none]),
            // An answer to the PING, or anything else, is a sign of life.
            ("tht", [.sendPing, .none]),
            ("thtt", [.sendPing, .none, .sendPing]),
            ("thttt", [.sendPing, .none, .sendPing, .giveUp]),
            ("thtttht", [.sendPing, .none, .sendPing, .giveUp, .none]),
        ] as [(String, [LivenessMonitor.Action])])
    func tellsWhatToDo(events: String, expected: [LivenessMonitor.Action]) {
        var monitor = LivenessMonitor()
        var actions: [LivenessMonitor.Action] = []
        for event in events {
            if event == "h" { monitor.heard() } else { actions.append(monitor.tick()) }
        }
        #expect(actions == expected)
    }
}
