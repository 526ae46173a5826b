import Foundation
import Testing

@testable import Relay

@Suite struct FlagLockTests {
    @Test func waitsForTheFlag() async {
        let lock = FlagLock()
        let waiter = Task.detached { lock.lockWhenSet(within: 20) }
        lock.lock()
        lock.unlock(setting: true)
        #expect(await waiter.value)
        lock.unlock(setting: false)
    }

    @Test func givesUpInTime() {
        let lock = FlagLock()
        let start = ContinuousClock.now
        #expect(!lock.lockWhenSet(within: 0.05))
        #expect(!lock.lockWhenSet(within: 0))
        #expect(ContinuousClock.now - start >= .milliseconds(50))
        // It is free.
        lock.lock()
        lock.unlock()
    }
}
