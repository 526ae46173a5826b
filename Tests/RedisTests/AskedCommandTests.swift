import Testing

@testable import Redis

@Suite struct AskedCommandTests {
    @Test(
        arguments: [
            (["PUBSUB", "NUMSUB", "chat"], .pubsubNumSub), (["pubsub", "channels"], .pubsubChannels),
            (["GET", "numsub"], .get), (["CLIENT", "LIST", "TYPE", "pubsub"], .clientList), (["INFO", "stats"], .info),
            (["EVALSHA", "x"], nil), (["PUBSUB", "SHARDCHANNELS"], nil), (["CONFIG"], nil), ([], nil),
        ] as [([RESPArgument], AskedCommand?)])
    func `a command has the name of INFO commandstats`(words: [RESPArgument], command: AskedCommand?) {
        #expect(AskedCommand(words) == command)
    }

    /// Replies of Redis 6.2 and 7.0, Valkey, and of proxies and managed services.
    @Test(
        arguments: [
            ("ERR unknown command `CONFIG`, with args beginning with: `GET`, ", true),
            ("ERR unknown command 'CONFIG', with args beginning with: 'GET' ", true),
            ("ERR Unknown subcommand or wrong number of arguments for 'ID'. Try CLIENT HELP.", true),
            ("ERR unknown subcommand 'ID'. Try CLIENT HELP.", true),
            ("NOPERM this user has no permissions to run the 'config' command", true),
            ("ERR unsupported command 'config'", true), ("ERR Command is not available: 'CONFIG'", true),
            ("ERR DEBUG command not allowed.", true), ("ERR command CONFIG is disabled by the administrator", true),
            ("ERR This instance has cluster support disabled", false), ("ERR syntax error", false),
            ("WRONGTYPE Operation not permitted", false), ("LOADING not available", false),
            (
                "ERR Can't execute 'get': only (P|S)SUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                false
            ),
        ])
    func `a refusal of the command is distinguished from other errors`(reply: String, isRefusal: Bool) {
        #expect(RedisError.refusesCommand(reply) == isRefusal)
    }
}
