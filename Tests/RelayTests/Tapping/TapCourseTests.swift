import Redis
import Testing

@testable import Relay

/// What receives the channels, and when that changes.
@Suite struct TapCourseTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var steps: [(TapCourse.Input, [TapCourse.Action])]
        var state: TapCourse.State
        var mayFallBack = false

        init(
            _ description: String, mayFallBack: Bool = false, _ steps: [(TapCourse.Input, [TapCourse.Action])],
            _ state: TapCourse.State
        ) {
            testDescription = description
            self.mayFallBack = mayFallBack
            self.steps = steps
            self.state = state
        }
    }

    private static let refused = TapCourse.Input.failed(isPermanent: true, after: .seconds(60))

    @Test(arguments: [
        Case(
            "the link takes over, and the subscription ends",
            [(.subscribed, [.startLink]), (.takenOver, [.stopSubscription])], .linked),
        Case(
            "the subscription is lost while the link attaches: from the start",
            [
                (.subscribed, [.startLink]), (.subscriptionLost, [.stopLink]), (.takenOver, []),
                (.subscribed, [.startLink]),
            ], .joining(attempt: 1)),
        Case(
            "three attempts, then a pause",
            [
                (.subscribed, [.startLink]), (.unusable, [.stopLink, .startLink]),
                (.unusable, [.stopLink, .startLink]),
                (.unusable, [.stopLink, .reportFallback, .retry(after: .seconds(60))]), (.retry, [.startLink]),
            ], .joining(attempt: 1)),
        Case("refused from the start", [(.subscribed, [.startLink]), (refused, [.fail])], .refused),
        Case(
            "refused from the start, and it may subscribe", mayFallBack: true,
            [(.subscribed, [.startLink]), (refused, [.stopLink, .reportFallback]), (.subscribed, []), (.retry, [])],
            .refused),
        Case(
            "given up later: the subscription again, and the link after a pause",
            [
                (.subscribed, [.startLink]), (.takenOver, [.stopSubscription]),
                (refused, [.stopLink, .startSubscription, .reportFallback, .retry(after: .seconds(60))]),
                (.subscribed, []), (.retry, [.startLink]),
                (refused, [.stopLink, .reportFallback, .retry(after: .seconds(60))]),
            ], .waiting),
        Case(
            "the pause ends while the subscription is not confirmed",
            [
                (.subscribed, [.startLink]), (.takenOver, [.stopSubscription]),
                (refused, [.stopLink, .startSubscription, .reportFallback, .retry(after: .seconds(60))]),
                (.retry, []), (.subscribed, [.startLink]),
            ], .joining(attempt: 1)),
        Case(
            "hubs are found while the link attaches: it begins again with their names",
            [
                (.subscribed, [.startLink]), (.namesChanged, [.stopLink, .startLink]),
                (.takenOver, [.stopSubscription]), (.namesChanged, []),
            ],
            .linked),
        Case(
            "several places remain", [(.subscribed, [.startLink]), (.ambiguous, [.takeOverAnyway])],
            .joining(attempt: 1)),
    ])
    func table(_ test: Case) {
        var course = TapCourse(mayFallBack: test.mayFallBack)
        for (input, actions) in test.steps { #expect(course.handle(input) == actions, "\(input)") }
        #expect(course.state == test.state)
    }

    @Test("another full sync comes no sooner than ten minutes after the last one")
    func pauses() {
        func input(_ error: any Error, since: Duration? = nil) -> TapCourse.Input {
            TapCourse.Input(failure: error, fullSyncInterval: .seconds(600), sinceFullSync: since)
        }
        let consent = TapError.consentNeeded(endpoint: "r", bytes: 1, limit: 0)
        #expect(input(consent) == .failed(isPermanent: true, after: .seconds(60)))
        #expect(input(consent, since: .seconds(200)) == .failed(isPermanent: true, after: .seconds(400)))
        #expect(input(consent, since: .seconds(590)) == .failed(isPermanent: true, after: .seconds(60)))
        let awaited = TapError.refused(endpoint: "r", [.masterOfSeveral])
        #expect(input(awaited) == .failed(isPermanent: true, after: .seconds(60)))
        // A relay that may subscribe meanwhile waits for a replica.
        for (error, isPermanent) in [(awaited, false), (.refused(endpoint: "r", [.minReplicas(1)]), true)] {
            #expect(
                TapCourse.Input(
                    failure: error, mayFallBack: true, fullSyncInterval: .seconds(600), sinceFullSync: nil)
                    == .failed(isPermanent: isPermanent, after: .seconds(60)))
        }
        let soon = TapError.tooSoon(endpoint: "r", secondsLeft: 321)
        #expect(input(soon) == .failed(isPermanent: false, after: .seconds(321)))
        let away = RedisError.connectionClosed(endpoint: "r")
        #expect(input(away) == .failed(isPermanent: false, after: .seconds(60)))
    }
}
