import NIOCore
import Testing

@testable import Redis

@Suite struct ReadPacerTests {
    /// Times in microseconds and bytes of reads, and whether a rest follows each.
    @Test(
        arguments: [
            ([(0, 10)], [false]),
            // Far apart: quiet.
            ([(0, 10), (2_000, 10), (4_000, 10)], [false, false, false]),
            ([(0, 10), (1_999, 10)], [false, true]),
            ([(0, 10), (1, 10), (2, 10)], [false, true, true]),
            // From busy to quiet and back.
            ([(0, 10), (100, 10), (9_000, 10), (9_100, 10)], [false, true, false, true]),
            // After a large read there is probably more.
            ([(0, 10), (100, 65_536), (200, 65_535)], [false, false, true]),
            ([(0, 65_536), (100, 10)], [false, true]),
            // Nothing read, as when the peer is gone.
            ([(0, 0), (100, 0)], [false, true]),
        ] as [([(Int64, Int)], [Bool])])
    func rests(reads: [(microseconds: Int64, bytes: Int)], expected: [Bool]) {
        var pacer = ReadPacer()
        let pauses = reads.map { read in
            pacer.pause(afterReading: read.bytes, at: .uptimeNanoseconds(UInt64(read.microseconds) * 1_000))
        }
        #expect(pauses == expected.map { $0 ? ReadPacer.rest : nil })
    }
}
