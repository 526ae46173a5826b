import NIOCore
import Testing

@testable import Redis

@Suite struct ReadPacerTests {
    /// Times in microseconds and bytes of reads, and the pause after each, in microseconds, 0 for none.
    @Test(
        arguments: [
            ([(0, 10)], [0]),
            // Far apart: quiet.
            ([(0, 10), (500, 10), (1_000, 10)], [0, 0, 0]),
            ([(0, 10), (499, 10)], [0, 500]),
            // Busy means data soon after reading was resumed, following the pause.
            ([(0, 10), (100, 10), (600, 10), (1_300, 10)], [0, 500, 500, 500]),
            ([(0, 10), (100, 10), (1_100, 10), (1_200, 10)], [0, 500, 0, 500]),
            // Large reads extend the pause.
            ([(0, 10), (100, 8_192), (2_100, 8_191), (2_700, 10)], [0, 2_000, 500, 500]),
            // After a large read there is probably more.
            ([(0, 10), (100, 65_536), (200, 65_535)], [0, 0, 2_000]),
            ([(0, 65_536), (100, 10)], [0, 500]),
            // Nothing read, as when the peer is gone.
            ([(0, 0), (100, 0)], [0, 500]),
        ] as [([(Int64, Int)], [Int64])])
    func rests(reads: [(microseconds: Int64, bytes: Int)], expected: [Int64]) {
        var pacer = ReadPacer()
        let pauses = reads.map { read in
            pacer.pause(afterReading: read.bytes, at: .uptimeNanoseconds(UInt64(read.microseconds) * 1_000))
        }
        #expect(pauses == expected.map { $0 > 0 ? .microseconds($0) : nil })
    }
}
