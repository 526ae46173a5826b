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
        // An access key of Azure: base64 ending in '='.
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
        ("::1,abortConnect=false", RedisConfiguration(host: "::1")),
        ("redis:0", RedisConfiguration(host: "redis")),
        ("abortConnect=false,redis:1", RedisConfiguration(host: "redis", port: 1)),
        (
            "10.0.0.1:1,abortConnect=false,10.0.0.2:2,10.0.0.1:1",
            RedisConfiguration(servers: [.tcp(host: "10.0.0.1", port: 1), .tcp(host: "10.0.0.2", port: 2)])
        ),
        (
            "password=x,redis.example:1,10.0.0.2",
            RedisConfiguration(
                servers: [.tcp(host: "redis.example", port: 1), .tcp(host: "10.0.0.2", port: 6379)],
                password: Secret("x"))
        ),
        (
            "redis,setlib=false,highPriorityThreads=true,tcpKeepAlive=true,highIntegrity=true,protocol=resp3,"
                + "responseTimeout=5,preserveAsyncOrder=true,heartbeatInterval=1000,HeartbeatConsistencyChecks=true",
            RedisConfiguration(host: "redis")
        ),
        ("redis:1,ssl=true,sslProtocols=3072", RedisConfiguration(host: "redis", port: 1, tls: RedisTLS())),
        ("redis:1,ssl=true,sslProtocols=15360", RedisConfiguration(host: "redis", port: 1, tls: RedisTLS())),
        (
            "redis:1,ssl=true,sslProtocols=12288|Tls13",
            RedisConfiguration(host: "redis", port: 1, tls: RedisTLS(minimumVersion: .tls13))
        ),
        (
            "a.redis.cache.windows.net:6380,password=x=",
            RedisConfiguration(
                host: "a.redis.cache.windows.net", port: 6380, tls: RedisTLS(), password: Secret("x="))
        ),
        (
            "s1,serviceName=mymaster,password=a;b c\"%,sentinelPassword=s=1,sentinelUser=watch",
            RedisConfiguration(
                servers: [.tcp(host: "s1", port: 26379)], sentinelMaster: "mymaster", password: Secret("a;b c\"%"),
                sentinelUsername: "watch", sentinelPassword: Secret("s=1"))
        ),
        ("\"redis:1,password=x\"", RedisConfiguration(host: "redis", port: 1, password: Secret("x"))),
        ("ConnectionStrings__Redis=redis:1\n", RedisConfiguration(host: "redis", port: 1)),
        (
            "export BACKPLANE_RELAY_REDIS='redis:1,\n password=x'",
            RedisConfiguration(host: "redis", port: 1, password: Secret("x"))
        ),
        (
            "\"Redis\": \"redis:1,password=a=b;\",",
            RedisConfiguration(host: "redis", port: 1, password: Secret("a=b;"))
        ),
        ("redis:1;", RedisConfiguration(host: "redis", port: 1)),
        ("valkey://redis:1", RedisConfiguration(host: "redis", port: 1)),
        ("redis://:pa,ss=w;o rd\"%25@redis", RedisConfiguration(host: "redis", password: Secret("pa,ss=w;o rd\"%"))),
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
        ("redis,fooBar=hunter2", ["part 2 of the connection string is not a known option"]),
        // Possibly the rest of a password with a comma.
        ("redis,hunter2=hunter2", ["part 2 of the connection string is not a known option"]),
        ("redis,abortConect=hunter2", ["did you mean 'abortConnect'?"]),
        ("redis,pwd=hunter2", ["did you mean 'password'?"]),
        ("redis,Pasword = hunter2", ["did you mean 'password'?"]),
        ("redis,password=x,hunter2=", ["part 3 of the connection string follows 'password'"]),
        ("redis,password=x,hunter2=,ssl=true", ["part 3"]),
        (
            "redis,sentinelPassword=x,hunter2=y,serviceName=m",
            ["part 3 of the connection string follows 'sentinelPassword'"]
        ),
        (
            "redis:1,password=x,hunter2:2",
            ["part 3 of the connection string follows a password and is taken for a server"]
        ),
        ("password=x,hunter2", ["part 2 of the connection string follows a password and is taken for a server"]),
        ("redis,connectTimeout=0", ["'connectTimeout' is ignored"]),
        ("redis,sentinelPassword=hunter2", ["no effect without 'serviceName'"]),
        ("redis,sentinelUser=relay,serviceName=m", ["only together with 'sentinelPassword'"]),
        ("redis,$CONFIG=hunter2", ["renamed commands"]),
        ("redis,tunnel=http:hunter2", ["'tunnel' is ignored"]),
        ("redis,ssl=true,sslProtocols=Tls|Tls12", ["below 1.2"]),
        ("redis,user=relay", ["'user' is ignored"]),
        ("redis,unheardOf=hunter2,channelPrefix=hunter2", ["part 2", "'channelPrefix'"]),
    ])
    func warns(text: String, expected: [String]) throws {
        let warnings = try RedisConfiguration(connectionString: text).warnings
        #expect(warnings.count == expected.count)
        for (warning, words) in zip(warnings, expected) { #expect(warning.contains(words), "\(warning)") }
        let configuration = try RedisConfiguration(connectionString: text)
        #expect(!(warnings.joined() + configuration.endpoint + "\(configuration.servers)").contains("hunter2"))
    }

    /// The channel prefix of ASP.NET Core nodes is kept, and the warning is given only if it applies.
    @Test func channelPrefixIsKept() throws {
        for (text, prefix) in [
            ("redis,channelPrefix=my:app:", "my:app:"), ("redis, CHANNELPREFIX = a*?[x]\\ b ,ssl=true", "a*?[x]\\ b"),
            ("redis,channelPrefix=a=b", "a=b"), ("redis,channelPrefix=", nil), ("redis", nil), ("redis://redis", nil),
        ] {
            let configuration = try RedisConfiguration(connectionString: text)
            #expect(configuration.channelPrefix == prefix)
            #expect(configuration.warnings.count == (prefix == nil ? 0 : 1))
            #expect(configuration.usingChannelPrefix(besidesSignalR2: false).warnings.isEmpty)
            let both = configuration.usingChannelPrefix(besidesSignalR2: true)
            #expect(both.warnings.allSatisfy { $0.hasPrefix("'channelPrefix' is used for ASP.NET Core SignalR only") })
            #expect(both.warnings.count == configuration.warnings.count)
        }
        let other = try RedisConfiguration(connectionString: "redis,tunnel=x,channelPrefix=p")
        #expect(other.usingChannelPrefix(besidesSignalR2: false).warnings.map { $0.prefix(8) } == ["'tunnel'"])
    }

    @Test func userWithoutPasswordIsNotSent() throws {
        #expect(try RedisConfiguration(connectionString: "redis,user=relay").username == nil)
    }

    @Test func passwordFileReplacesThePassword() throws {
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
        #expect(error?.description.contains("use only one of them") == true)
    }

    @Test func clientNameIsValidForRedis() throws {
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
