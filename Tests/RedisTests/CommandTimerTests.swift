import NIOCore
import Synchronization
import Testing

@testable import Redis

/// The durations of commands that are answered in order.
@Suite struct CommandTimerTests {
    private struct Answer: Equatable {
        let command: AskedCommand?
        let milliseconds: Int64

        init(_ command: AskedCommand?, _ milliseconds: Int64) {
            (self.command, self.milliseconds) = (command, milliseconds)
        }
    }

    /// Sends the commands at 0 ms, receives one reply each millisecond, and collects what the observer was notified of.
    private func measure(_ commands: [[RESPArgument]], _ replies: [RESPValue]) -> [Answer] {
        let answers = Mutex<[Answer]>([])
        let observer = RedisObserver { command, nanoseconds in
            answers.withLock { $0.append(Answer(command, nanoseconds / 1_000_000)) }
        } loggedIn: { _ in
        }
        var timer = CommandTimer(observer)
        let start = NIODeadline.now()
        timer.sent(commands, at: start)
        for (index, reply) in replies.enumerated() {
            timer.received(reply, at: start + .milliseconds(Int64(index) + 1))
        }
        return answers.withLock { $0 }
    }

    @Test func `each reply belongs to the oldest command`() {
        let answers = measure(
            [["CLIENT", "ID"], ["EVALSHA", "x"], ["INFO"]], [.integer(1), .error("NOSCRIPT"), .status("OK")])
        #expect(answers == [Answer(.clientID, 1), Answer(nil, 2), Answer(.info, 3)])
    }

    @Test(
        arguments: [
            ("SUBSCRIBE", .subscribe), ("PSUBSCRIBE", .psubscribe), ("UNSUBSCRIBE", .unsubscribe),
            ("PUNSUBSCRIBE", .punsubscribe),
        ] as [(String, AskedCommand)])
    func `a subscription is timed until its last confirmation`(word: String, command: AskedCommand) {
        let answers = measure(
            [[.text(word), "a", "b", "c"], ["PING"]], [.null, .null, .null, .status("PONG")])
        #expect(answers == [Answer(command, 3), Answer(.ping, 4)])
    }

    @Test func `an error is the only reply to a subscription`() {
        let answers = measure([["SUBSCRIBE", "a", "b"], ["PING"]], [.error("NOPERM"), .status("PONG")])
        #expect(answers == [Answer(.subscribe, 1), Answer(.ping, 2)])
    }

    @Test func `an unanswered command and a reply without a command are not measured`() {
        #expect(measure([["PING"]], []).isEmpty)
        #expect(measure([["PING"]], [.status("PONG"), .status("PONG")]) == [Answer(.ping, 1)])
    }
}
