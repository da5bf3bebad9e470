import ArgumentParser
import Foundation
import Programs

struct DiscoverCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "discover",
    abstract: "Read a Django project and print a configuration for it.",
    discussion: """
      The project's own interpreter is asked, through manage.py: its databases, MEDIA_ROOT and \
      every FileField and ImageField column. Passwords are not printed; the result names where \
      to put them.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(help: ArgumentHelp("The project's manage.py.", valueName: "file"))
  var django: String

  @Option(
    help: ArgumentHelp(
      "The project's interpreter. Default: bin/python of VIRTUAL_ENV, else python3.",
      valueName: "program"))
  var python: String?

  func run() throws {
    let session = try Session(global)
    let manage = URL(fileURLWithPath: django).standardizedFileURL.path
    guard FileManager.default.fileExists(atPath: manage) else {
      throw UsageError(
        what: "cannot read the project", why: "there is no \(manage)",
        next: "give the path of the project's manage.py")
    }
    let project = try DjangoProject.read(
      managePath: manage, python: interpreter(), cancellation: session.cancellation)
    if global.json { return try Terminal.shared.print(JSONText.pretty(project)) }
    for note in project.notes { session.messages.warning(note) }
    try Terminal.shared.write(Array(project.configuration.utf8).span)
  }

  private func interpreter() -> String {
    if let python { return python }
    if let environment = Session.environment("VIRTUAL_ENV") { return "\(environment)/bin/python" }
    return "python3"
  }
}
