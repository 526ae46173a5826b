import Foundation
import PackagePlugin

/// Makes the text files of a target's folder `Page` and of its DocC catalog constants of the program: a string literal
/// compiles in no time, where `.embedInCode` writes an array of bytes.
@main
struct EmbedText: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let files = Self.texts(in: target.directoryURL)
        let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedText.swift")
        return [
            .buildCommand(
                displayName: "Embedding the texts of \(target.name)", executable: URL(filePath: "/bin/sh"),
                arguments: ["-c", Self.script, "sh", output.path()] + files.map { $0.path() },
                inputFiles: files, outputFiles: [output])
        ]
    }

    /// `live.js` becomes `live_js`. Raw strings: what is in the files stands in the literal as it is.
    private static let script = ######"""
        output=$1
        shift
        {
            echo 'enum EmbeddedText {'
            for file; do
                name=$(basename "$file" | tr .- __)
                printf '    static let %s: StaticString = ####"""\n' "$name"
                cat "$file"
                printf '\n"""####\n'
            done
            echo '    static let files: [(name: String, text: StaticString)] = ['
            for file; do
                name=$(basename "$file")
                printf '        ("%s", %s),\n' "$name" "$(printf %s "$name" | tr .- __)"
            done
            echo '    ]'
            echo '}'
        } >"$output"
        """######

    private static func texts(in target: URL) -> [URL] {
        let found = FileManager.default.enumerator(at: target, includingPropertiesForKeys: nil)
        return (found?.compactMap { $0 as? URL } ?? [])
            .filter { ["css", "html", "js", "md"].contains($0.pathExtension) }
            .sorted { $0.path() < $1.path() }
    }
}
