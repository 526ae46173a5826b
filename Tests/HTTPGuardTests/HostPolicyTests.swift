import Testing

@testable import HTTPGuard

@Suite struct HostPolicyTests {
    static let cases: [(authority: String?, isAdmitted: Bool)] = [
        ("localhost", true), ("localhost:9464", true), ("LocalHost:1", true), ("localhost.", true),
        ("localhost.:80", true), ("localhost:", true), ("127.0.0.1", true), ("127.0.0.1:9464", true),
        ("127.9.8.7", true), ("[::1]", true), ("[::1]:9464", true), ("[0:0:0:0:0:0:0:1]", true), ("[::1%lo]:80", true),
        ("[::1%25lo]", true), ("[::ffff:127.0.0.1]", true),
        ("relay.example", true), ("RELAY.example.:8443", true),
        (nil, false), ("", false), (":80", false), ("evil.example", false), ("evil.example:9464", false),
        ("localhost.evil.example", false), ("127.0.0.1.evil.example", false), ("127.1", false), ("2130706433", false),
        ("0x7f.0.0.1", false), ("128.0.0.1", false), ("0.0.0.0", false), ("10.0.0.1", false), ("::1", false),
        ("[::]", false), ("[::2]", false), ("[::1", false), ("[]", false), ("[::1]evil", false), ("[::1].evil", false),
        ("localhost:80:80", false), ("localhost:x", false), ("me@localhost", false), ("localhost/evil", false),
        ("localhost evil", false), ("localhost,evil.example", false), ("sub.relay.example", false),
        ("locälhost", false),
        ("localhost..", false), (".", false),
    ]

    @Test(arguments: cases) func onTheLoopback(authority: String?, isAdmitted: Bool) {
        for listenHost in ["127.0.0.1", "localhost", "::1", "127.0.0.2"] {
            let policy = HostPolicy(listenHost: listenHost, allowed: ["relay.example"])
            #expect(policy.admits(authority) == isAdmitted, "\(authority ?? "none")")
        }
    }

    @Test(arguments: ["0.0.0.0", "::", "10.0.0.1", "relay.example"]) func elsewhere(listenHost: String) {
        for (authority, _) in Self.cases { #expect(HostPolicy(listenHost: listenHost).admits(authority)) }
    }
}
