import Testing

@testable import Redis

@Suite struct ConnectionStringTests {
    private static func redis(_ port: Int) -> RedisEndpoint { .tcp(host: "redis", port: port) }

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
        ("rediss://redis", RedisConfiguration(host: "redis", tls: RedisTLS())),
        (
            "REDISS://relay:secret@redis:6380/2",
            RedisConfiguration(
                host: "redis", port: 6380, tls: RedisTLS(), username: "relay", password: Secret("secret"), database: 2)
        ),
        ("unix:///run/redis.sock", RedisConfiguration(servers: [.unix(path: "/run/redis.sock")])),
        (
            "unix://relay:p@s/s@/run/a%20b@c.sock?db=4",
            RedisConfiguration(
                servers: [.unix(path: "/run/a b@c.sock")], username: "relay", password: Secret("p@s/s"), database: 4)
        ),
        (
            "redis+sentinel://s1:5,s2/mymaster",
            RedisConfiguration(
                servers: [.tcp(host: "s1", port: 5), .tcp(host: "s2", port: 26379)], sentinelMaster: "mymaster")
        ),
        (
            "rediss+sentinel://relay:secret@[::1]/my%20master/3",
            RedisConfiguration(
                servers: [.tcp(host: "::1", port: 26379)], sentinelMaster: "my master", tls: RedisTLS(),
                username: "relay", password: Secret("secret"), database: 3)
        ),
        (
            "redis+sentinel://s1/mymaster/",
            RedisConfiguration(servers: [.tcp(host: "s1", port: 26379)], sentinelMaster: "mymaster")
        ),
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
                servers: [redis(6379)], username: "relay", password: Secret("secret"), database: 2,
                connectTimeoutMilliseconds: 250)
        ),
        (
            "redis,ssl=False,abortConnect=false,asyncTimeout=1,connectRetry=3,allowAdmin=true,tieBreaker=x,proxy=None,"
                + "resolveDns=true,configCheckSeconds=60,version=7.0,checkCertificateRevocation=false,keepAlive=-1",
            RedisConfiguration(host: "redis")
        ),
        (
            "redis,name=my web,syncTimeout=1500,keepAlive=60",
            RedisConfiguration(
                servers: [redis(6379)], answerTimeoutMilliseconds: 1_500, pingIntervalSeconds: 60,
                clientName: "my web")
        ),
        (
            "one:1,two, [::1]:3,password=secret",
            RedisConfiguration(
                servers: [.tcp(host: "one", port: 1), .tcp(host: "two", port: 6379), .tcp(host: "::1", port: 3)],
                password: Secret("secret"))
        ),
        ("redis,ssl=true", RedisConfiguration(host: "redis", port: 6380, tls: RedisTLS())),
        ("redis:6379,SSL=Yes", RedisConfiguration(host: "redis", tls: RedisTLS())),
        (
            "redis:1,ssl=1,sslHost=cache.example,sslProtocols=Tls12|Tls13",
            RedisConfiguration(host: "redis", port: 1, tls: RedisTLS(serverName: "cache.example"))
        ),
        (
            "redis,ssl=true,sslProtocols=tls13",
            RedisConfiguration(host: "redis", port: 6380, tls: RedisTLS(minimumVersion: .tls13))
        ),
        ("redis,sslHost=unused,sslProtocols=None", RedisConfiguration(host: "redis")),
        (
            "s1,s2:5,serviceName=mymaster,defaultDatabase=1",
            RedisConfiguration(
                servers: [.tcp(host: "s1", port: 26379), .tcp(host: "s2", port: 5)], sentinelMaster: "mymaster",
                database: 1)
        ),
        (
            "!/run/redis.sock,password=a=b",
            RedisConfiguration(
                servers: [.unix(path: "/run/redis.sock")], password: Secret("a=b"))
        ),
    ])
    func stackExchange(text: String, expected: RedisConfiguration) throws {
        #expect(try RedisConfiguration(connectionString: text) == expected)
    }

    @Test(arguments: [
        ("redis,channelPrefix=app,password=hunter2", ["'channelPrefix' is ignored"]),
        ("redis,channelPrefix=app", ["subscribes to the channel that is published on"]),
        ("redis,fooBar=hunter2", ["option 'fooBar'"]),
        // Perhaps the rest of a password with a comma in it.
        ("redis,hunter2=hunter2", ["an option of the connection string is not known"]),
        ("redis,$CONFIG=hunter2", ["renamed commands"]),
        ("redis,tunnel=http:hunter2", ["'tunnel' is ignored"]),
        ("redis,ssl=true,sslProtocols=Tls|Tls12", ["below 1.2"]),
        ("redis,user=relay", ["'user' is ignored"]),
        ("redis,unheardOf=hunter2,channelPrefix=hunter2", ["option 'unheardOf'", "'channelPrefix'"]),
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
        ("ftp://:hunter2@redis", "'ftp://' is not supported"),
        ("unix://run/redis.sock", "three slashes"),
        ("unix://relay:hunter2@run", "three slashes"),
        ("unix:///", "2 to 107 bytes"),
        ("unix:///" + String(repeating: "x", count: 107), "2 to 107 bytes"),
        ("unix:///run/redis.sock?pass=hunter2", "one parameter"),
        ("unix:///run/redis.sock?db=hunter2", "'db' of the unix:// URL is a database number"),
        ("unix://relay@/run/redis.sock", "names a user but no password"),
        ("redis+sentinel://:hunter2@s1", "name of the master is missing"),
        ("redis+sentinel://:hunter2@s1,s2/", "name of the master is missing"),
        ("redis+sentinel://:hunter2@s1,,s2/mymaster", "host name is missing"),
        ("redis+sentinel:///mymaster", "host name is missing"),
        ("redis+sentinel://s1:x/mymaster", "port is a number"),
        ("redis+sentinel://s1/mymaster/hunter2", "what follows the master"),
        ("redis+sentinel://s1,password=hunter2/mymaster", "holds a character that no host name has"),
        ("redis+sentinel://s1/mymaster?hunter2", "parameters after '?'"),
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
        ("re?dis", "holds a character that no host name has"),
        ("re#dis:6379", "holds a character that no host name has"),
        ("re\u{1B}[31mdis", "holds a character that no host name has"),
        ("redis,!/run/re\u{1B}dis.sock", "holds a control character"),
        ("[[::1]:6379", "holds a character that no host name has"),
        ("password=hunter2", "names no server"),
        (",,", "names no server"),
        ("redis:6379;password=hunter2", "names no server"),
        ("redis:port,password=hunter2", "port is a number from 1 to 65535"),
        ("::1,password=hunter2", "IPv6 address is written in brackets"),
        ("redis,password=hunter2,ssl=maybe", "'ssl' is true or false"),
        ("redis,password=hunter2,sslProtocols=hunter2", "'sslProtocols' is Tls12"),
        ("redis,password=x,hunter2", "without '=' follows the options"),
        ("redis,password=hunter2,syncTimeout=0", "'syncTimeout' is a number"),
        ("redis,password=hunter2,keepAlive=hunter2", "'keepAlive' is a number"),
        ("redis,password=hunter2,defaultDatabase=x", "'defaultDatabase' is a database number"),
        ("redis,password=hunter2,defaultDatabase=-1", "'defaultDatabase' is a database number"),
        ("redis,password=hunter2,connectTimeout=0", "'connectTimeout' is a number"),
        ("redis,password=hunter2,connectTimeout=5s", "'connectTimeout' is a number"),
        ("redis,password=hunter2://x,ssl=hunter2", "'ssl' is true or false"),
        (":hunter2://redis", "IPv6 address is written in brackets"),
    ])
    func refuses(text: String, reason: String) throws {
        let error = try #require(throws: ConnectionStringError.self) {
            try RedisConfiguration(connectionString: text)
        }
        #expect(error.description.contains(reason))
        #expect(!error.description.contains("hunter2"))
    }

    @Test func passwordFileStandsInForThePassword() throws {
        let file = PasswordFile(path: "/run/secret")
        for text in ["redis://relay@redis", "redis,user=relay"] {
            let configuration = try RedisConfiguration(connectionString: text, passwordFile: file)
            #expect(configuration.username == "relay")
            #expect(configuration.passwordFile == file)
            #expect(configuration.warnings.isEmpty)
        }
        let error = #expect(throws: ConnectionStringError.self) {
            try RedisConfiguration(connectionString: "redis,password=hunter2", passwordFile: file)
        }
        #expect(error?.description.contains("give one of them") == true)
    }

    @Test func clientNameIsOneThatRedisTakes() throws {
        let configuration = try RedisConfiguration(connectionString: "redis,name=my wéb")
        #expect(configuration.printableClientName == "my-w--b")
    }

    @Test func severalServersAndSentinelsArePrintable() {
        let servers: [RedisEndpoint] = [.tcp(host: "a", port: 1), .unix(path: "/run/r")]
        #expect(RedisConfiguration(servers: servers).endpoint == "a:1,unix:/run/r")
        #expect(RedisConfiguration(servers: servers, sentinelMaster: "m").endpoint == "a:1,unix:/run/r/m")
    }

    @Test func endpointBracketsIPv6AndHoldsNoSecret() {
        #expect(RedisConfiguration(host: "::1", port: 1, password: Secret("hunter2")).endpoint == "[::1]:1")
        #expect(RedisConfiguration(host: "redis", username: "relay").endpoint == "redis:6379")
    }
}
