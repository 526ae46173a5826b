import Redis
import Testing

@Suite struct SecretTests {
    private let secret = Secret("hunter2")

    @Test func isRevealedOnlyOnDemand() {
        #expect(secret.reveal() == "hunter2")
        #expect(secret == Secret("hunter2"))
        #expect(secret != Secret("hunter3"))
    }

    @Test func neverPrints() {
        var dumped = ""
        dump(secret, to: &dumped)
        dump(RedisConfiguration(host: "redis", password: secret), to: &dumped)
        dump(RedisEndpoint.concealed(host: secret, port: 1, part: 2), to: &dumped)
        let texts = [
            "\(secret)",
            String(describing: secret),
            String(reflecting: secret),
            String(describing: Optional(secret)),
            String(reflecting: [secret]),
            String(describing: Mirror(reflecting: secret).children.map { $0.value }),
            String(describing: RedisConfiguration(host: "redis", password: secret)),
            String(reflecting: RedisConfiguration(host: "redis", password: secret)),
            "\(RedisEndpoint.concealed(host: secret, port: 1, part: 2))",
            String(reflecting: RedisConfiguration(servers: [], password: secret, sentinelPassword: secret)),
            dumped,
        ]
        for text in texts { #expect(!text.contains("hunter2")) }
        #expect(texts[0] == "***")
    }
}
