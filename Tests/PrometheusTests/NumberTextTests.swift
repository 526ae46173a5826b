import TestSupport
import Testing

@testable import Prometheus

@Suite struct NumberTextTests {
    @Test(arguments: [
        (0, "0"), (3, "3"), (-3, "-3"), (0.25, "0.25"), (-0.1, "-0.1"), (1e-5, "1e-05"),
        (.leastNonzeroMagnitude, "5e-324"),
        (1_048_576, "1048576"), (9_007_199_254_740_992, "9007199254740992"), (1e15, "1000000000000000"),
        (1e16, "1e+16"),
        (1e22, "1e+22"), (1.5e300, "1.5e+300"), (.nan, "NaN"), (-.nan, "NaN"), (.infinity, "+Inf"),
        (-.infinity, "-Inf"),
    ])
    func value(number: Double, expected: String) {
        #expect(NumberText.value(number) == expected)
    }

    // The examples of OpenMetrics 1.0.0, "Considerations: Canonical Numbers", and Go's %g beyond them.
    @Test(arguments: [
        (0, "0.0"), (0.001, "0.001"), (0.002, "0.002"), (0.01, "0.01"), (0.1, "0.1"), (0.9, "0.9"), (0.95, "0.95"),
        (0.999, "0.999"), (1, "1.0"), (1.7, "1.7"), (10, "10.0"), (1e-10, "1e-10"), (1e-9, "1e-09"), (1e-5, "1e-05"),
        (1e-4, "0.0001"), (100, "100.0"), (1e5, "100000.0"), (1e6, "1e+06"), (1e7, "1e+07"), (1e9, "1e+09"),
        (1e10, "1e+10"), (.infinity, "+Inf"), (123_456, "123456.0"), (999_999.5, "999999.5"),
        (1_048_576, "1.048576e+06"), (1_234_567.5, "1.2345675e+06"), (16_777_216, "1.6777216e+07"),
        (1.5e15, "1.5e+15"), (1e16, "1e+16"), (1.25e20, "1.25e+20"), (1e100, "1e+100"), (1.5e-7, "1.5e-07"),
    ])
    func bound(number: Double, expected: String) {
        #expect(NumberText.bound(number) == expected)
    }

    @Test func everySpellingReadsBackAsTheSameNumber() {
        let seed: UInt64 = 20_261_122
        var random = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let number = Double(bitPattern: random.next())
            guard number.isFinite else { continue }
            #expect(Double(NumberText.value(number)) == number, "seed \(seed)")
            #expect(Double(NumberText.bound(number.magnitude)) == number.magnitude, "seed \(seed)")
        }
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 1_234_567_890, Int.max, -1, -10, Int.min])
    func digits(number: Int) {
        var bytes = Array("a ".utf8)
        bytes.appendDigits(of: number)
        #expect(String(decoding: bytes, as: UTF8.self) == "a \(number)")
    }
}
