import Testing

@testable import HTTPGuard

@Suite struct ConnectionTableTests {
    enum Event: Equatable {
        case open(at: UInt64)
        case waits(UInt64, at: UInt64)
        case answers(UInt64, at: UInt64)
        case close(UInt64)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var stall: UInt64?
        var before: [Event] = []
        var expected: ConnectionTable.Admission
    }

    /// Three connections, 0 to 2, opened at 10, 20, 30; a further one arrives at 100.
    static let cases: [Case] = [
        Case(testDescription: "the oldest without a request", expected: .replacing(0, by: 3)),
        Case(
            testDescription: "the next, if that one has sent a request", before: [.answers(0, at: 40)],
            expected: .replacing(1, by: 3)),
        Case(
            testDescription: "an answered one waits again, after the others",
            before: [.answers(0, at: 40), .waits(0, at: 50)], expected: .replacing(1, by: 3)),
        Case(
            testDescription: "the longest idle one",
            before: [
                .answers(0, at: 40), .answers(1, at: 41), .answers(2, at: 42), .waits(1, at: 49), .waits(0, at: 50),
            ], expected: .replacing(1, by: 3)),
        Case(
            testDescription: "none, if all are being answered",
            before: [.answers(0, at: 40), .answers(1, at: 40), .answers(2, at: 40)], expected: .refused),
        Case(
            testDescription: "a response without progress", stall: 50,
            before: [.answers(1, at: 40), .answers(0, at: 41), .answers(2, at: 42)], expected: .replacing(1, by: 3)),
        Case(
            testDescription: "not one with progress", stall: 50,
            before: [.answers(1, at: 40), .answers(0, at: 51), .answers(2, at: 52), .answers(1, at: 53)],
            expected: .refused),
        Case(
            testDescription: "a waiting connection before a response without progress", stall: 50,
            before: [.answers(0, at: 40), .answers(1, at: 41), .waits(2, at: 90)], expected: .replacing(2, by: 3)),
        Case(testDescription: "none, if there is room", before: [.close(1)], expected: .admitted(3)),
        Case(
            testDescription: "a closed one is forgotten", before: [.close(0), .close(0), .open(at: 60)],
            expected: .replacing(1, by: 4)),
        Case(
            testDescription: "a closed one does not return",
            before: [.open(at: 60), .answers(0, at: 61), .waits(0, at: 62)], expected: .replacing(1, by: 4)),
    ]

    @Test(arguments: cases) func connectionToClose(_ given: Case) {
        var table = ConnectionTable(limit: 3, stall: given.stall)
        for time: UInt64 in [10, 20, 30] { _ = table.open(at: time) }
        for event in given.before {
            switch event {
            case .open(let at): _ = table.open(at: at)
            case .waits(let id, let at): table.step(id, to: .waiting, at: at)
            case .answers(let id, let at): table.step(id, to: .answering, at: at)
            case .close(let id): table.close(id)
            }
        }
        #expect(table.open(at: 100) == given.expected)
        #expect(table.count <= 3)
    }

    /// Compared with the simplest correct implementation.
    @Test func agreesWithASimpleList() {
        var generator = SystemRandomNumberGenerator()
        var table = ConnectionTable(limit: 8, stall: 20)
        var model: [(id: UInt64, phase: ConnectionTable.Phase, since: UInt64)] = []
        var next: UInt64 = 0
        for now in UInt64(0)..<5_000 {
            let id = model.randomElement(using: &generator)?.id ?? 0
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                let giver =
                    model.count < 8
                    ? nil
                    : model.firstIndex { $0.phase == .waiting }
                        ?? model.firstIndex { $0.phase == .answering && now >= $0.since + 20 }
                let expected: ConnectionTable.Admission =
                    model.count < 8 ? .admitted(next) : giver.map { .replacing(model[$0].id, by: next) } ?? .refused
                #expect(table.open(at: now) == expected)
                if let giver { model.remove(at: giver) }
                if expected != .refused {
                    model.append((next, .waiting, now))
                    next += 1
                }
            case 1:
                table.close(id)
                model.removeAll { $0.id == id }
            case let kind:
                let phase: ConnectionTable.Phase = kind == 2 ? .waiting : .answering
                table.step(id, to: phase, at: now)
                if let index = model.firstIndex(where: { $0.id == id }) {
                    model.remove(at: index)
                    model.append((id, phase, now))
                }
            }
            #expect(table.count == model.count)
        }
    }
}
