import Redis
import Testing

@Suite struct RedisServerInfoTests {
    @Test func readsTheFieldsAmongAllOthers() {
        let info = RedisServerInfo(
            infoText: """
                # Server\r
                redis_version:7.0.15\r
                redis_mode:standalone\r
                os:Linux 6.1.0 x86_64\r
                run_id:1b1a3f0e6a1f4a3f9d4a0f0f2a5f8c7b6d5e4f3a\r
                executable:/usr/bin/redis-server:odd\r
                \r
                # Stats\r
                client_output_buffer_limit_disconnections:3\r
                # Replication\r
                role:master\r

                """)
        #expect(info.version == "7.0.15")
        #expect(info.mode == "standalone")
        #expect(info.runID == "1b1a3f0e6a1f4a3f9d4a0f0f2a5f8c7b6d5e4f3a")
        #expect(info.role == "master")
        #expect(info.outputBufferDisconnections == 3)
    }

    /// Servers before 7.0, and services that leave fields out.
    @Test(arguments: ["", "\r\n\r\n", "no colon here\r\n", "# Server\nredis_version\n", ":\n:value\n"])
    func missingFieldsAreEmpty(text: String) {
        let info = RedisServerInfo(infoText: text)
        #expect(info.version == "")
        #expect(info.mode == "")
        #expect(info.runID == "")
        #expect(info.role == "")
        #expect(info.outputBufferDisconnections == nil)
    }

    @Test(
        arguments: [("0", 0), ("12", 12), ("", nil), ("many", nil), ("99999999999999999999", nil)] as [(String, Int?)])
    func outputBufferDisconnections(text: String, expected: Int?) {
        let info = RedisServerInfo(infoText: "client_output_buffer_limit_disconnections:\(text)\r\n")
        #expect(info.outputBufferDisconnections == expected)
    }

    @Test func colonsInAValueBelongToIt() {
        #expect(RedisServerInfo(infoText: "redis_version:7:8\n").version == "7:8")
    }

    /// Each product has its own names, and some keep Redis' names for old clients.
    @Test(arguments: [
        (
            "redis_version:7.0.15\r\nredis_mode:standalone\r\ncluster_enabled:0\r\n", "Redis 7.0.15", "7.0.15",
            "standalone"
        ),
        ("redis_version:7.0.15\r\nredis_mode:cluster\r\n", "Redis 7.0.15", "7.0.15", "cluster"),
        (
            "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\nserver_mode:cluster\r\n",
            "Valkey 9.1.2", "Valkey 9.1.2", "cluster"
        ),
        (
            "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\nserver_mode:standalone\r\n",
            "Valkey 8.0.1", "Valkey 8.0.1", "standalone"
        ),
        (
            "redis_version:6.3.4\r\nredis_mode:cluster\r\nexecutable:/usr/bin/keydb-server\r\n", "KeyDB 6.3.4",
            "KeyDB 6.3.4", "cluster"
        ),
        (
            "redis_version:7.4.0\r\ndragonfly_version:df-v1.30.0\r\nredis_mode:standalone\r\n", "Dragonfly 1.30.0",
            "Dragonfly 1.30.0", "standalone"
        ),
        (
            "redis_version:7.4.0\r\ndragonfly_version:df-v1.30.0\r\nredis_mode:standalone\r\n# Cluster\r\ncluster_enabled:1\r\n",
            "Dragonfly 1.30.0", "Dragonfly 1.30.0", "cluster"
        ),
        ("garnet_version:1.0.63\r\ngarnet_mode:cluster\r\n", "Garnet 1.0.63", "Garnet 1.0.63", "cluster"),
        ("cluster_enabled:0\r\n", "Redis", "", "standalone"),
        ("role:master\r\n", "Redis", "", ""),
    ])
    func products(text: String, title: String, version: String, mode: String) {
        let info = RedisServerInfo(infoText: text)
        #expect(info.title == title)
        #expect(info.versionText == version)
        #expect(info.mode == mode)
    }
}
