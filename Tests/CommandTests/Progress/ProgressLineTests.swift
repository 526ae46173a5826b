import Testing

@testable import backplane_relay

@Suite struct ProgressLineTests {
    private static func line(
        _ done: UInt64, of total: UInt64?, _ detail: String = "", after elapsed: Double = 0
    ) -> ProgressLine {
        ProgressLine(label: "merge", done: done, total: total, detail: detail, elapsed: elapsed)
    }

    static let lines: [(ProgressLine, width: Int, text: String)] = [
        (line(0, of: 200), 40, "merge  [>                       ]    0 %"),
        (line(50, of: 200), 40, "merge  [======>                 ]   25 %"),
        (line(199, of: 200), 40, "merge  [=======================>]   99 %"),
        (line(200, of: 200), 40, "merge  [========================]  100 %"),
        (line(300, of: 200), 40, "merge  [========================]  100 %"),
        (line(0, of: 0), 40, "merge  [========================]  100 %"),
        (line(50, of: 200, after: 2), 50, "merge  [=====>                ]   25 %  6.0 s left"),
        (line(200, of: 200, after: 2), 40, "merge  [========================]  100 %"),
        (line(1, of: 200, after: 2), 40, "merge  [>                       ]    0 %"),
        (line(50, of: 200, "12 envelopes"), 54, "merge  [======>                 ]   25 %  12 envelopes"),
        (line(50, of: 200, "12 envelopes"), 30, "merge   25 %  12 envelopes"),
        (line(50, of: 200, "12 envelopes"), 10, "merge   25"),
        (line(50, of: 200), 200, "merge  [==========>                             ]   25 %"),
        (line(50, of: nil, "12 envelopes", after: 3), 60, "merge  12 envelopes"),
        (line(50, of: 200), 0, ""),
        (line(50, of: 200), -1, ""),
    ]

    @Test(arguments: lines) func aLineFitsIntoTheTerminal(_ line: ProgressLine, _ width: Int, _ text: String) {
        #expect(line.text(width: width) == text)
        #expect(text.count <= max(0, width))
    }

    @Test func theLineIsShownAfterASecondAndTenTimesPerSecond() {
        var pace = ProgressPace(start: 500)
        let second: UInt64 = 1_000_000_000
        let early = [pace.admit(at: 500), pace.admit(at: 499 + second), pace.admit(at: 500 + second)]
        #expect(early == [false, false, true])
        var shown = 0
        for millisecond in 1...1_000 as ClosedRange<UInt64> where pace.admit(at: 500 + second + millisecond * 1_000_000)
        {
            shown += 1
        }
        #expect(shown == 10)
    }
}
