import TestSupport
import Testing

@testable import Relay

/// Where a subscription and a replication link meet.
@Suite struct OverlapMatcherTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// Payloads, one letter each.
        var subscription: String
        var link: String
        var bounds: ClosedRange<Int>?
        var outcome: OverlapMatcher.Outcome

        init(
            _ description: String, _ subscription: String, _ link: String, _ bounds: ClosedRange<Int>?,
            _ outcome: OverlapMatcher.Outcome
        ) {
            testDescription = description
            self.subscription = subscription
            self.link = link
            self.bounds = bounds
            self.outcome = outcome
        }
    }

    private static func matcher(_ subscription: String, _ link: String) -> OverlapMatcher {
        var matcher = OverlapMatcher()
        for letter in subscription.utf8 { matcher.readBySubscription(UInt64(letter)) }
        for letter in link.utf8 { matcher.readByLink(UInt64(letter)) }
        return matcher
    }

    @Test(arguments: [
        Case("nothing is known", "abc", "c", nil, .unbounded),
        Case("different payloads", "abcdef", "def", 0...5, .one(3)),
        Case("it may begin behind all that was heard", "abcdef", "def", 0...6, .several(highest: 6)),
        Case("the link is ahead", "abcd", "cdef", 0...3, .one(2)),
        Case("the link has nothing yet", "abc", "", 0...3, .several(highest: 3)),
        Case("nothing was published, and the server was asked", "", "", 0...0, .one(0)),
        Case("the bounds decide alone", "abc", "", 3...3, .one(3)),
        Case("equal payloads fit anywhere", "aaaa", "aa", 0...4, .several(highest: 4)),
        Case("equal payloads within bounds", "aaaa", "aa", 2...2, .one(2)),
        Case("a period", "abababab", "abab", 0...8, .several(highest: 8)),
        Case("a period that ends", "abababac", "abac", 0...8, .several(highest: 8)),
        Case("a period that ends, within bounds", "abababac", "abac", 0...7, .one(4)),
        Case("behind what was read", "abc", "d", 0...3, .one(3)),
        Case("another stream", "abc", "xyz", 0...2, .none),
        Case("the link lacks one", "abcde", "bde", 0...4, .none),
    ])
    func table(_ test: Case) {
        var matcher = Self.matcher(test.subscription, test.link)
        if let bounds = test.bounds { matcher.bound(bounds.lowerBound, bounds.upperBound) }
        #expect(matcher.look() == test.outcome)
    }

    @Test("each answer of the server narrows what equal payloads leave open")
    func bounds() {
        var matcher = Self.matcher("aaaaaa", "aaa")
        matcher.bound(0, 6)
        #expect(matcher.look() == .several(highest: 6))
        matcher.bound(2, 9)
        matcher.bound(-3, 3)
        #expect(matcher.look() == .several(highest: 3))
        #expect(matcher.surelyDelivered == 3)
        matcher.bound(3, 4)
        #expect(matcher.look() == .one(3))
        matcher.bound(5, 5)
        #expect(matcher.look() == .none)
    }

    @Test("in random streams of few different payloads, read in any order, the place is never missed")
    func random() {
        var random = SplitMix64.announced()
        for _ in 0..<400 {
            let kinds = UInt64.random(in: 1...4, using: &random)
            let stream = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                UInt64.random(in: 1...kinds, using: &random)
            }
            let start = Int.random(in: 0...stream.count, using: &random)
            var matcher = OverlapMatcher()
            var (heard, read) = (0, start)
            while heard < stream.count || read < stream.count {
                let isHeard = Bool.random(using: &random)
                if isHeard, heard < stream.count {
                    matcher.readBySubscription(stream[heard])
                    heard += 1
                } else if read < stream.count {
                    matcher.readByLink(stream[read])
                    read += 1
                }
                if UInt8.random(in: 0..<8, using: &random) == 0, heard >= start {
                    matcher.bound(
                        start - Int.random(in: 0...3, using: &random), start + Int.random(in: 0...3, using: &random))
                }
                switch matcher.look() {
                case .unbounded: break
                case .none: Issue.record("the place \(start) of \(stream) is gone")
                case .one(let place): #expect(place == start, "\(stream)")
                case .several(let highest): #expect(highest >= start, "\(stream)")
                }
                #expect(matcher.surelyDelivered <= max(0, heard - start))
            }
        }
    }

    @Test("the fingerprints of what the link still has to deliver are those that the subscription read")
    func fingerprints() {
        let matcher = Self.matcher("abcd", "")
        #expect(matcher.subscriptionFingerprints(from: 2) == [99, 100])
        #expect(matcher.subscriptionFingerprints(from: 4).isEmpty)
    }

    @Test("a fingerprint depends on every byte, the length and the channel")
    func fingerprint() {
        func of(_ bytes: [UInt8], channel: Int = 0) -> UInt64 {
            bytes.withUnsafeBytes { EnvelopeFingerprint.of($0, channel: channel) }
        }
        var all: Set<UInt64> = []
        for count in 0...40 {
            all.insert(of([UInt8](repeating: 0, count: count)))
            all.insert(of([UInt8](repeating: 0, count: count), channel: 1))
            for index in 0..<count {
                var bytes = [UInt8](repeating: 0, count: count)
                bytes[index] = 1
                all.insert(of(bytes))
            }
        }
        #expect(all.count == 41 * 2 + 40 * 41 / 2)
        #expect(EnvelopeFingerprint.large(channel: 0) != EnvelopeFingerprint.large(channel: 1))
    }
}
