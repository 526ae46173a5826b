import Testing

@Suite struct PromQLScanTests {
    @Test(arguments: [
        ("up", [PromQLScan.Selector(metric: "up")]),
        (
            #"sum by (a, b) (rate(x_total{job=~"$job", i="a,}b"}[$__rate_interval]))"#,
            [
                .init(
                    metric: "x_total", matchers: [#"job=~"$job""#, #"i="a,}b""#], range: "$__rate_interval",
                    function: "rate")
            ]
        ),
        ("a > bool 0.25 and on (job, instance) b offset 5m", [.init(metric: "a"), .init(metric: "b")]),
        ("time() - (c > 1e3)", [.init(metric: "c")]),
        (#"{__name__="d"}[5m]"#, [.init(matchers: [#"__name__="d""#], range: "5m")]),
        (
            "max(increase(e[1h]) + f)",
            [
                .init(metric: "e", range: "1h", function: "increase"), .init(metric: "f", function: "max"),
            ]
        ),
        ("sum(g) by (channel)", [.init(metric: "g", function: "sum")]),
    ])
    func selectors(expression: String, expected: [PromQLScan.Selector]) {
        #expect(PromQLScan(expression).selectors == expected)
    }
}
