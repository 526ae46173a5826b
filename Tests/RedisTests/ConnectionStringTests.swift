import Redis
import Testing

@Suite struct ConnectionStringTests {
    @Test(arguments: [
        ("redis://redis", RedisConfiguration(host: "redis")),
        ("REDIS://redis", RedisConfiguration(host: "redis")),
        ("  redis://redis:6380\n", RedisConfiguration(host: "redis", port: 6380)),
        ("redis://redis/", RedisConfiguration(host: "redis")),
        ("redis://redis:6380/3", RedisConfiguration(host: "redis", port: 6380, database: 3)),
        ("redis://:secret@redis", RedisConfiguration(host: "redis", password: Secret("secret"))),
        (
            "redis://relay:secret@redis:1/0",
            RedisConfiguration(host: "redis", port: 1, username: "relay", password: Secret("secret"))
        ),
        ("redis://:p%40ss%2Fw%25@redis", RedisConfiguration(host: "redis", password: Secret("p@ss/w%"))),
        ("redis://:p@ss:w/rd@redis", RedisConfiguration(host: "redis", password: Secret("p@ss:w/rd"))),
        ("redis://:%C3%A9@redis", RedisConfiguration(host: "redis", password: Secret("é"))),
        ("redis://:@redis", RedisConfiguration(host: "redis")),
        ("redis://@redis", RedisConfiguration(host: "redis")),
        ("redis://[::1]", RedisConfiguration(host: "::1")),
        ("redis://[fe80::1%eth0]:65535/1", RedisConfiguration(host: "fe80::1%eth0", port: 65535, database: 1)),
    ])
    func url(text: String, expected: RedisConfiguration) throws {
        #expect(try RedisConfiguration(connectionString: text) == expected)
    }

    @Test(arguments: [
        ("redis", RedisConfiguration(host: "redis")),
        ("redis:6380", RedisConfiguration(host: "redis", port: 6380)),
        (" 10.0.0.1 , , ", RedisConfiguration(host: "10.0.0.1")),
        ("[::1]:6380", RedisConfiguration(host: "::1", port: 6380)),
        ("redis,password=secret", RedisConfiguration(host: "redis", password: Secret("secret"))),
        ("redis, Password = secret ", RedisConfiguration(host: "redis", password: Secret("secret"))),
        ("password=secret,redis:1", RedisConfiguration(host: "redis", port: 1, password: Secret("secret"))),
        // An access key of Azure: base64 with '=' at its end.
        ("redis,password=c2VjcmV0MQ==", RedisConfiguration(host: "redis", password: Secret("c2VjcmV0MQ=="))),
        ("redis,password=se://cret", RedisConfiguration(host: "redis", password: Secret("se://cret"))),
        ("redis,password=", RedisConfiguration(host: "redis")),
        (
            "redis,user=relay,password=secret,defaultDatabase=2,connectTimeout=250",
            RedisConfiguration(
                host: "redis", username: "relay", password: Secret("secret"), database: 2,
                connectTimeoutMilliseconds: 250)
        ),
        (
            "redis,ssl=False,abortConnect=false,name=web,syncTimeout=1,asyncTimeout=1,connectRetry=3,keepAlive=60,"
                + "allowAdmin=true",
            RedisConfiguration(host: "redis")
        ),
    ])
    func stackExchange(text: String, expected: RedisConfiguration) throws {
        #expect(try RedisConfiguration(connectionString: text) == expected)
    }

    @Test(arguments: [
        ("redis,channelPrefix=app,password=hunter2", ["'channelPrefix' is ignored"]),
        ("redis,tiebreaker=hunter2", ["option 'tiebreaker'"]),
        ("one:1,two:2,three,password=hunter2", ["names 3 servers; only the first, one:1,"]),
        ("redis,user=relay", ["'user' is ignored"]),
        ("redis,proxy=hunter2,channelPrefix=hunter2", ["option 'proxy'", "'channelPrefix'"]),
    ])
    func warns(text: String, expected: [String]) throws {
        let warnings = try RedisConfiguration(connectionString: text).warnings
        #expect(warnings.count == expected.count)
        for (warning, words) in zip(warnings, expected) { #expect(warning.contains(words)) }
        #expect(!warnings.joined().contains("hunter2"))
    }

    @Test func userWithoutPasswordIsNotSent() throws {
        #expect(try RedisConfiguration(connectionString: "redis,user=relay").username == nil)
    }

    /// The error names the part at fault and never shows the password, `hunter2` in all of them.
    @Test(arguments: [
        ("", "address is empty"),
        (" \n", "address is empty"),
        ("rediss://:hunter2@redis", "'rediss://'"),
        ("unix:///run/hunter2", "'unix://'"),
        ("redis://", "host name is missing"),
        ("redis://:hunter2@", "host name is missing"),
        ("redis://:hunter2@:6379", "host name is missing"),
        ("redis:///0", "host name is missing"),
        ("redis://:hunter2@redis:", "port is a number from 1 to 65535"),
        ("redis://:hunter2@redis:0", "port is a number from 1 to 65535"),
        ("redis://:hunter2@redis:65536", "port is a number from 1 to 65535"),
        ("redis://:hunter2@redis:hunter2", "port is a number from 1 to 65535"),
        ("redis://:hunter2@redis:99999999999999999999", "port is a number from 1 to 65535"),
        ("redis://:hunter2@redis/x", "path of the redis:// URL is a database number"),
        ("redis://:hunter2@redis/-1", "path of the redis:// URL is a database number"),
        ("redis://:hunter2@redis?db=1", "parameters after '?'"),
        ("redis://:hunter2@redis#1", "parameters after '#'"),
        ("redis://hunter2@redis", "names a user but no password"),
        ("redis://hunter2:@redis", "names a user but no password"),
        ("redis://:hunter2%@redis", "password of the redis:// URL holds a '%'"),
        ("redis://:hunter2%4@redis", "password of the redis:// URL holds a '%'"),
        ("redis://:hunter2%+4@redis", "password of the redis:// URL holds a '%'"),
        ("redis://:hunter2%zz@redis", "password of the redis:// URL holds a '%'"),
        ("redis://r%x:hunter2@redis", "user of the redis:// URL holds a '%'"),
        ("redis://:hunter2%FF@redis", "password of the redis:// URL is not UTF-8"),
        ("redis://:hunter2@::1", "IPv6 address is written in brackets"),
        ("redis://:hunter2@[::1", "closing one is missing"),
        ("redis://:hunter2@[::1]6379", "comes :port or nothing"),
        ("redis://:hunter2@[]:6379", "host name is missing"),
        // The two notations mixed up: without a check the host, which is printed, would hold the password.
        ("redis://redis,password=hunter2", "holds a character that no host name has"),
        ("redis://redis,password=hunter2:6379", "holds a character that no host name has"),
        ("hunter2@redis:6379", "holds a character that no host name has"),
        ("relay:hunter2@redis:6379", "IPv6 address is written in brackets"),
        ("redis password:hunter2", "holds a character that no host name has"),
        ("password=hunter2", "names no server"),
        (",,", "names no server"),
        ("redis:6379;password=hunter2", "names no server"),
        ("redis:port,password=hunter2", "port is a number from 1 to 65535"),
        ("::1,password=hunter2", "IPv6 address is written in brackets"),
        ("redis,password=hunter2,ssl=true", "'ssl=true'"),
        ("redis,password=hunter2,SSL=Yes", "'ssl=true'"),
        ("redis,password=hunter2,ssl=1", "'ssl=true'"),
        ("redis,password=hunter2,defaultDatabase=x", "'defaultDatabase' is a database number"),
        ("redis,password=hunter2,defaultDatabase=-1", "'defaultDatabase' is a database number"),
        ("redis,password=hunter2,connectTimeout=0", "'connectTimeout' is a number"),
        ("redis,password=hunter2,connectTimeout=5s", "'connectTimeout' is a number"),
        ("redis,password=hunter2://x,ssl=true", "'ssl=true'"),
        (":hunter2://redis", "IPv6 address is written in brackets"),
    ])
    func refuses(text: String, reason: String) throws {
        let error = try #require(throws: ConnectionStringError.self) {
            try RedisConfiguration(connectionString: text)
        }
        #expect(error.description.contains(reason))
        #expect(!error.description.contains("hunter2"))
    }

    @Test func endpointBracketsIPv6AndHoldsNoSecret() {
        #expect(RedisConfiguration(host: "::1", port: 1, password: Secret("hunter2")).endpoint == "[::1]:1")
        #expect(RedisConfiguration(host: "redis", username: "relay").endpoint == "redis:6379")
    }
}
