import Redis
import Testing

/// Secrets that are overwritten in the arguments shown by `ps`.
@Suite struct AddressSecretsTests {
    private func masked(_ text: String) -> String {
        var bytes = Array(text.utf8)
        for range in AddressSecrets.ranges(in: bytes) { for index in range { bytes[index] = UInt8(ascii: "*") } }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: [
        "redis:1,password=hunter2", "--redis=redis:1,password=hunter2", "redis:1,Password = hunter2",
        "redis:1,password=a,hunter2", "password=a,hunter2,redis:1", "redis:1,pwd=hunter2", "redis:1,pasword=hunter2",
        "redis:1;password=hunter2", "redis:1,sentinelPassword=hunter2", "redis:1,password=a=b;hunter2",
        "redis:1,password=\"a hunter2\"", "redis://user:hunter2@redis", "redis://hunter2@redis",
        "rediss://:a@hunter2@redis:1/0", "unix://u:hunter2@/run/r", "redis+sentinel://:a,hunter2@s1/m",
        "redi://user:a%hunter2@redis", "redis://redis:1,password=hunter2", "redis://redis?password=hunter2",
        "ConnectionStrings__Redis=redis:1,password=hunter2",
    ])
    func hides(text: String) {
        #expect(!masked(text).contains("hunter2"), "\(masked(text))")
    }

    @Test(arguments: ["--channel=chat", "--redis=redis:6379,ssl=true", "--web-token-file=/run/x", "redis://redis:1/2"])
    func leavesTheRest(text: String) {
        #expect(masked(text) == text)
    }
}
