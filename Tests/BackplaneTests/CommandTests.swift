import Backplane
import Testing

@Suite struct CommandTests {
    static let written: [(command: Command, json: String)] = [
        (
            Command(waitForAck: false, id: "35940c40", type: .initializing),
            #"{"WaitForAck":false,"Id":"35940c40","CommandType":0,"Value":null}"#
        ),
        (
            Command(waitForAck: true, id: "5b3238ca", type: .addToGroup, value: "hg-chatHub.room1"),
            #"{"WaitForAck":true,"Id":"5b3238ca","CommandType":1,"Value":"hg-chatHub.room1"}"#
        ),
        (
            Command(waitForAck: true, id: "", type: .removeFromGroup, value: ""),
            #"{"WaitForAck":true,"Id":"","CommandType":2,"Value":""}"#
        ),
        (
            Command(waitForAck: false, id: "a", type: .abort),
            #"{"WaitForAck":false,"Id":"a","CommandType":3,"Value":null}"#
        ),
        (
            Command(
                waitForAck: false, id: "a", type: .addToGroup,
                value: "\"\\/\u{8}\u{C}\n\r\t\u{0}\u{1F}\u{7F}\u{85}\u{2028}\u{2029}<é部😀"),
            #"{"WaitForAck":false,"Id":"a","CommandType":1,"#
                + #""Value":"\"\\/\b\f\n\r\t\u0000\u001f\#u{7F}\u0085\u2028\u2029<é部😀"}"#
        ),
    ]

    @Test(arguments: written)
    func aCommandIsWrittenAsARealNodeDoes(command: Command, json: String) throws {
        #expect(String(decoding: command.encoded(), as: UTF8.self) == json)
        #expect(try Command(decoding: Array(json.utf8)) == command)
    }

    static let lenient: [(json: String, command: Command)] = [
        (
            #"{"CommandType":1,"Value":"g","Id":"a","WaitForAck":true}"#,
            Command(waitForAck: true, id: "a", type: .addToGroup, value: "g")
        ),
        (
            #" { "waitforack" : true , "ID" : "a" , "commandtype" : 2 , "VALUE" : "g" } "#,
            Command(waitForAck: true, id: "a", type: .removeFromGroup, value: "g")
        ),
        (#"{"Id":"a","CommandType":3}"#, Command(waitForAck: false, id: "a", type: .abort)),
        (#"{"Id":"a","CommandType":"3"}"#, Command(waitForAck: false, id: "a", type: .abort)),
        (#"{"Id":"a","CommandType":"Abort"}"#, Command(waitForAck: false, id: "a", type: .abort)),
        (#"{"Id":"a","CommandType":"addtogroup"}"#, Command(waitForAck: false, id: "a", type: .addToGroup)),
        (#"{"Id":"a","CommandType":"REMOVEFROMGROUP"}"#, Command(waitForAck: false, id: "a", type: .removeFromGroup)),
        (#"{"Id":"a","CommandType":"Initiali\u007aing"}"#, Command(waitForAck: false, id: "a", type: .initializing)),
        (
            #"{"Extra":{"Id":["b"]},"Id":"\u00e9","CommandType":0,"Value":"hg-h.\ud83d\ude00"}"#,
            Command(waitForAck: false, id: "é", type: .initializing, value: "hg-h.😀")
        ),
        (
            #"{"Id":"a","Id":"b","CommandType":0,"CommandType":1}"#,
            Command(waitForAck: false, id: "b", type: .addToGroup)
        ),
    ]

    @Test(arguments: lenient)
    func aCommandIsReadAsNodesReadIt(json: String, command: Command) throws {
        #expect(try Command(decoding: Array(json.utf8)) == command)
    }

    static let damaged: [(json: String, error: CommandError)] = [
        ("", .notAnObject), ("null", .notAnObject), ("[]", .notAnObject), ("{", .notAnObject),
        (#"{"Id":"a","CommandType":0"#, .notAnObject),
        (#"{"Id":"a","CommandType":0}}"#, .notAnObject),
        (#"{"Id":"a","CommandType":0,"Extra":01}"#, .notAnObject),
        (#"{"Id":"a","CommandType":0,"WaitForAck":"true"}"#, .badWaitForAck),
        (#"{"Id":"a","CommandType":0,"WaitForAck":null}"#, .badWaitForAck),
        ("{}", .badID),
        (#"{"CommandType":0}"#, .badID),
        (#"{"Id":null,"CommandType":0}"#, .badID),
        (#"{"Id":7,"CommandType":0}"#, .badID),
        (#"{"Id":"a"}"#, .badType),
        (#"{"Id":"a","CommandType":4}"#, .badType),
        (#"{"Id":"a","CommandType":-1}"#, .badType),
        (#"{"Id":"a","CommandType":1.5}"#, .badType),
        (#"{"Id":"a","CommandType":256}"#, .badType),
        (#"{"Id":"a","CommandType":null}"#, .badType),
        (#"{"Id":"a","CommandType":"Leave"}"#, .badType),
        (#"{"Id":"a","CommandType":""}"#, .badType),
        (#"{"Id":"a","CommandType":0,"Value":1}"#, .badValue),
        (#"{"Id":"a","CommandType":0,"Value":nul}"#, .badValue),
        // Other values of messages.
        (#"{"H":"chatHub","M":"broadcastMessage","A":[]}"#, .badID),
    ]

    @Test(arguments: damaged)
    func anythingElseIsAnError(json: String, error: CommandError) {
        #expect(throws: error) { try Command(decoding: Array(json.utf8)) }
    }

    @Test func malformedUTF8IsAnError() {
        let json = Array(#"{"Id":"a"#.utf8) + [0xFF] + Array(#"","CommandType":0}"#.utf8)
        #expect(throws: CommandError.notAnObject) { try Command(decoding: json) }
    }

    @Test func aCommandCutAnywhereIsAnError() {
        for example in Self.written {
            for cut in 0..<example.json.utf8.count {
                #expect(throws: CommandError.self) { try Command(decoding: Array(example.json.utf8.prefix(cut))) }
            }
        }
    }

    @Test func labelsAreStable() {
        #expect(CommandType.allCases.map(\.label) == ["initializing", "add_to_group", "remove_from_group", "abort"])
    }
}

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
