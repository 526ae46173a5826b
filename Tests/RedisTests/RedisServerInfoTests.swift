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
}
