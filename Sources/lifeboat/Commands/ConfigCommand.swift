import ArgumentParser
import Configuration

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Check a configuration file, or show an example or its schema.",
    subcommands: [Check.self, Example.self, Schema.self])

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Report everything that is wrong with a configuration file.",
      discussion:
        "Each problem has its line and what to write instead. Ends with 64 if there is any.")

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The file; else --config or LIFEBOAT_CONFIG.")
    var file: String?

    func run() throws {
      guard let path = file ?? global.config ?? Session.environment("LIFEBOAT_CONFIG") else {
        throw UsageError(
          what: "no configuration file is named", why: "there is nothing to check",
          next: "give its path")
      }
      let configuration = try Configuration.load(path)
      if global.json {
        struct Result: Encodable {
          var valid: Bool
          var warnings: [String]
        }
        try Terminal.shared.print(
          JSONText.pretty(
            Result(valid: true, warnings: configuration.warnings.map { "\($0)" })))
        return
      }
      for warning in configuration.warnings { Terminal.shared.say("warning: \(warning)") }
      if !global.quiet {
        try Terminal.shared.print(
          "\(path) is valid: \(configuration.databases.count) databases, \(configuration.media.count) media directories, \(configuration.schedule.timings.count) scheduled jobs"
        )
      }
    }
  }

  struct Example: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print a commented example.")
    func run() throws { try Terminal.shared.write(Array(ConfigurationExample.text.utf8).span) }
  }

  struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print the JSON schema, for editors.")
    func run() throws { try Terminal.shared.write(Array(ConfigurationSchema.json.utf8).span) }
  }
}
