import ArgumentParser
import Testing

@testable import backplane_relay

@Suite struct ArgumentFormsTests {
    @Test func namesTheForm() {
        #expect(
            ArgumentForms.improved("Error: The value 'x' is invalid for '--buffer <buffer>'\nUsage: ...")
                == "Error: The value 'x' is invalid for '--buffer <buffer>'; write a size above 0, such as 64MiB, 10GB or 4096 (bytes)\nUsage: ..."
        )
        let other = "Error: Unknown option '--x'"
        #expect(ArgumentForms.improved(other) == other)
    }

    @Test(
        "a missing option: named with its environment variable", arguments: [("run", "--redis"), ("replay x", "--to")])
    func missing(line: String, option: String) throws {
        do {
            _ = try BackplaneRelay.parseAsRoot(line.split(separator: " ").map { String($0) })
            Issue.record("\(line) was accepted")
        } catch {
            let message = MissingOption.improved(BackplaneRelay.fullMessage(for: error))
            let variable = option == "--to" ? "BACKPLANE_RELAY_TO" : "BACKPLANE_RELAY_REDIS"
            #expect(
                message.hasPrefix(
                    "Error: \(option) <url> is missing; pass it, or set the environment variable \(variable)\nHelp:"
                ),
                "\(message)")
            #expect(MissingOption.improved("Error: other\nx") == "Error: other\nx")
        }
    }

    /// Every option of every command, with an invalid value.
    @Test func everyOptionExplainsAnInvalidValue() throws {
        let root = try #require(CommandDescription.root())
        for command in root.subcommands ?? [] {
            for argument in command.arguments ?? [] where argument.kind == .option {
                guard let name = argument.longName else { continue }
                // The parser reports an invalid value before anything that is missing.
                let line = [command.commandName, "--\(name)=?!"]
                do {
                    _ = try BackplaneRelay.parseAsRoot(line)
                } catch {
                    let message = BackplaneRelay.fullMessage(for: error)
                    guard let first = ArgumentForms.improved(message).split(separator: "\n").first,
                        first.contains("is invalid for")
                    else { continue }
                    #expect(
                        first.contains("such as") || first.contains("one of") || first.contains("write "),
                        "\(command.commandName): \(first)")
                    // "A whole number" is the fallback, correct only for numbers.
                    let isNumber = [
                        "limit", "expect", "clients", "nodes", "rounds", "level", "messages", "payload-bytes",
                        "max-live-pages", "compression-level", "max-connections", "client-buffer", "max-rate",
                        "max-channel-scan", "ping-count", "ping-connections",
                    ].contains(name)
                    #expect(!first.contains("a whole number") || isNumber, "\(command.commandName): \(first)")
                }
            }
        }
    }
}
