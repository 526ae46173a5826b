import Foundation
import PackagePlugin

/// Writes the commit that is being built into a source file, so that `--version` can name it.
@main
struct BuildCommit: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let package = context.package.directoryURL
        let output = context.pluginWorkDirectoryURL.appending(path: "BuildCommit.swift")
        // Empty where there is no git or no repository: a source archive.
        let script =
            #"echo "enum BuildCommit { static let name = \"$(git -C "$1" rev-parse --short=12 HEAD 2>/dev/null)\" }" > "$2""#
        // Git writes this at each commit and checkout.
        let history = package.appending(path: ".git/logs/HEAD")
        return [
            .buildCommand(
                displayName: "Naming the commit", executable: URL(filePath: "/bin/sh"),
                arguments: ["-c", script, "sh", package.path(), output.path()],
                inputFiles: FileManager.default.fileExists(atPath: history.path()) ? [history] : [],
                outputFiles: [output])
        ]
    }
}
