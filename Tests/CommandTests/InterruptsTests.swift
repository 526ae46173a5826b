import Testing

@testable import backplane_relay

@Suite struct InterruptsTests {
    /// A signal while a command is still creating its directory.
    @Test func aSignalBeforeTheWorkCancelsIt() async throws {
        let interrupts = Interrupts()
        interrupts.cancel()
        let ended: Void? = try await interrupts.run { try await Task.sleep(for: .seconds(60)) }
        #expect(ended == nil)
    }

    @Test func waitingTasksAreCancelled() async {
        let interrupts = Interrupts()
        let waiting = Task { await interrupts.next() }
        waiting.cancel()
        await waiting.value
        let late = Task {
            while !Task.isCancelled { await Task.yield() }
            await interrupts.next()
        }
        late.cancel()
        await late.value
    }
}
