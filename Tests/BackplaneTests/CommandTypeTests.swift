import Backplane
import Testing

@Suite struct CommandTypeTests {
    static let values: [(String, CommandType?)] = [
        (#"{"WaitForAck":true,"Id":"x","CommandType":1,"Value":"hg-a.b"}"#, .addToGroup),
        (#"{"WaitForAck":false,"Id":"x","CommandType":0,"Value":null}"#, .initializing),
        (#"{"Id":"x","CommandType":3}"#, .abort),
        (#"{"Id":"x","CommandType": 2 }"#, .removeFromGroup),
        (#"{"Id":"x","commandtype":"RemoveFromGroup"}"#, .removeFromGroup),
        (#"{"Id":"x","CommandType":7}"#, nil),
        (#"{"Id":"x","CommandType":12}"#, nil),
        (#"{"Value":"\"CommandType\":1","Id":"x","CommandType":2}"#, .removeFromGroup),
        (#"{"Id":"x"}"#, nil),
        ("", nil),
        (#""CommandType":"#, nil),
    ]

    @Test(arguments: values) func foundInPlace(value: String, type: CommandType?) {
        #expect(Array(value.utf8).withUnsafeBytes { CommandType(in: $0) } == type)
    }
}
