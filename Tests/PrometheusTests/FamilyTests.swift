import Prometheus
import Testing

@Suite struct FamilyTests {
    private let registry = Registry()

    private func family(_ labels: [String], limit: ChildLimit? = nil) -> Family<Counter> {
        registry.counterFamily("c_total", help: "A counter.", labels: labels, limit: limit)
    }

    @Test func sameValuesSameChild() {
        let family = family(["a", "b"])
        #expect(family.with("x", "y") === family.with("x", "y"))
        #expect(family.with("x", "y") !== family.with("y", "x"))
    }

    /// Equal as Swift `String`s, two series in Prometheus.
    @Test func valuesAreComparedByBytes() {
        let family = family(["a"], limit: ChildLimit(maximumChildren: 1))
        let composed = family.with("caf\u{E9}")
        #expect(family.with("cafe\u{301}") === family.with("other"))
        family.remove("cafe\u{301}")
        #expect(family.with("caf\u{E9}") === composed)
    }

    @Test func aNewChildIsExposedAtZero() {
        _ = family(["a"]).with("x")
        #expect(registry.sampleLines() == [#"c_total{a="x"} 0"#])
    }

    @Test func childrenAreInTheOrderOfTheirValues() {
        let family = family(["a", "b"])
        for (a, b) in [("b", "a"), ("a", "b"), ("", "z"), ("a", "a"), ("aa", "")] {
            _ = family.with(a, b)
        }
        #expect(
            registry.sampleLines() == [
                #"c_total{a="",b="z"} 0"#, #"c_total{a="a",b="a"} 0"#, #"c_total{a="a",b="b"} 0"#,
                #"c_total{a="aa",b=""} 0"#, #"c_total{a="b",b="a"} 0"#,
            ])
    }

    @Test func removedChildIsGoneAndReturnsAtZero() {
        let family = family(["a"])
        let removed = family.with("x")
        removed.increment()
        family.remove("x")
        family.remove("never was")
        removed.increment()
        #expect(registry.sampleLines() == [])
        #expect(family.with("x").value == 0)
    }

    @Test func theOrderIsMaintainedBetweenScrapes() {
        let family = family(["a"])
        family.with("m").increment()
        #expect(registry.sampleLines() == [#"c_total{a="m"} 1"#])
        family.with("m").increment()
        family.with("b").increment()
        #expect(registry.sampleLines() == [#"c_total{a="b"} 1"#, #"c_total{a="m"} 2"#])
        family.remove("m")
        #expect(registry.sampleLines() == [#"c_total{a="b"} 1"#])
        family.with("m").increment(by: 7)
        #expect(registry.sampleLines() == [#"c_total{a="b"} 1"#, #"c_total{a="m"} 7"#])
    }

    @Test func aRemovedChildReturnsWithItsValue() {
        let family = family(["a"])
        let child = family.with("b")
        child.increment(by: 3)
        family.remove("b")
        child.increment()
        #expect(registry.sampleLines() == [])
        family.restore(child, "b")
        #expect(registry.sampleLines() == [#"c_total{a="b"} 4"#] && family.with("b") === child)
    }

    @Test func beyondTheLimitEverythingIsOther() {
        let family = family(["hub", "method"], limit: ChildLimit(maximumChildren: 2))
        family.with("h", "1").increment()
        family.with("h", "2").increment()
        family.with("h", "3").increment()
        family.with("g", "4").increment()
        family.with("h", "1").increment()
        #expect(family.with("h", "3") === family.with("other", "other"))
        #expect(
            registry.sampleLines() == [
                #"c_total{hub="h",method="1"} 2"#, #"c_total{hub="h",method="2"} 1"#,
                #"c_total{hub="other",method="other"} 2"#,
            ])
    }

    @Test func theOverflowChildDoesNotCount() {
        let family = family(["hub"], limit: ChildLimit(maximumChildren: 1))
        _ = family.with("other")
        #expect(family.with("x") !== family.with("other"))
        #expect(family.with("y") === family.with("other"))
    }

    @Test func removalMakesRoom() {
        let family = family(["hub"], limit: ChildLimit(maximumChildren: 1))
        _ = family.with("x")
        #expect(family.with("y") === family.with("other"))
        family.remove("other")
        #expect(family.with("y") === family.with("other"), "the overflow child was not counted, so this frees nothing")
        family.remove("x")
        #expect(family.with("y") !== family.with("other"))
    }

    @Test func keptLabelsHaveTheirOwnLimitAndOverflow() {
        let family = family(["channel", "hub"], limit: ChildLimit(maximumChildren: 1, per: ["channel"]))
        for (channel, hub) in [("a", "1"), ("a", "2"), ("b", "3"), ("b", "4"), ("b", "5")] {
            family.with(channel, hub).increment()
        }
        #expect(
            registry.sampleLines() == [
                #"c_total{channel="a",hub="1"} 1"#, #"c_total{channel="a",hub="other"} 1"#,
                #"c_total{channel="b",hub="3"} 1"#, #"c_total{channel="b",hub="other"} 2"#,
            ])
    }
}
