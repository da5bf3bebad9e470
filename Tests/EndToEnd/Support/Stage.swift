// Where one test plays: a folder with a repository, a home, temporary files, and how commands run there.

import Foundation
import Postgres
import Programs
import TestSupport
import Testing

/// A folder of its own; removed with its owner.
final class Stage: Sendable {
  private let scratch: ScratchFolder
  let path: String
  var repository: String { "\(path)/repository" }
  var passphraseFile: String { "\(path)/passphrase" }
  var recoveryKeyFile: String { "\(path)/recovery-key" }
  /// `TMPDIR` of every command: what a command leaves there is a leak.
  var temporary: String { "\(path)/tmp" }

  /// How commands open the repository.
  ///
  /// A passphrase takes a quarter of a second each time, on purpose (Argon2id); a recovery key none.
  enum Way { case passphrase, recoveryKey }
  private let way: Way

  /// What takes away every key from a command's environment.
  static let keyless = ["LIFEBOAT_PASSPHRASE_FILE": "", "LIFEBOAT_RECOVERY_KEY_FILE": ""]

  /// - Parameters:
  ///   - initialise: whether to make the repository; if not, commands are told of the passphrase.
  ///   - way: which key later commands are told of.
  init(
    initialise: Bool = true, opening way: Way = .recoveryKey,
    passphrase: String = "correct horse battery staple"
  ) throws {
    scratch = try ScratchFolder()
    path = scratch.path
    self.way = initialise ? way : .passphrase
    // Servers and other users must be able to pass through.
    for folder in [path, URL(fileURLWithPath: path).deletingLastPathComponent().path] {
      try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: folder)
    }
    try folder("tmp", permissions: 0o755)
    try folder("home")
    try write(passphrase + "\n", to: "passphrase")
    guard initialise else { return }
    try lifeboat(
      "init", "--quiet", "--passphrase-file", passphraseFile, "--write-recovery-key",
      recoveryKeyFile
    ).expect(0)
  }

  // MARK: Files

  @discardableResult
  func folder(_ name: String, permissions: Int = 0o755) throws -> String {
    try FileManager.default.createDirectory(
      atPath: "\(path)/\(name)", withIntermediateDirectories: true,
      attributes: [.posixPermissions: permissions])
    return "\(path)/\(name)"
  }

  /// Writes a file, with the folders above it.
  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    try write(Data(text.utf8), to: name)
  }

  @discardableResult
  func write(_ bytes: Data, to name: String) throws -> String {
    let file = URL(fileURLWithPath: "\(path)/\(name)")
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try bytes.write(to: file)
    return file.path
  }

  /// Writes bytes that no compression makes smaller.
  @discardableResult
  func writeNoise(_ byteCount: Int, to name: String) throws -> String {
    let source = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/urandom"))
    return try write(try source.read(upToCount: byteCount) ?? Data(), to: name)
  }

  /// Removes everything now; for what lives as long as the process.
  func remove() {
    try? FileManager.default.removeItem(
      at: URL(fileURLWithPath: path).deletingLastPathComponent())
  }

  /// Every file beneath `folder`, sorted, with paths relative to it.
  func files(beneath folder: String) throws -> [String] {
    guard let walk = FileManager.default.enumerator(atPath: folder) else { return [] }
    return walk.compactMap { $0 as? String }.filter { name in
      let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
      return attributes?[.type] as? FileAttributeType != .typeDirectory
    }.sorted()
  }

  func snapshotFiles() throws -> [String] { try files(beneath: "\(repository)/snapshots") }

  /// Flips one bit in the middle of the largest pack.
  func damage() throws {
    let packs = try files(beneath: "\(repository)/packs").map {
      URL(fileURLWithPath: "\(repository)/packs/\($0)")
    }
    let sizes = try packs.map { try Data(contentsOf: $0).count }
    let largest = try #require(sizes.indices.max { sizes[$0] < sizes[$1] })
    var bytes = [UInt8](try Data(contentsOf: packs[largest]))
    bytes[bytes.count / 2] ^= 0x10
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o600], ofItemAtPath: packs[largest].path)
    try Data(bytes).write(to: packs[largest])
  }

  // MARK: Commands

  /// The environment of every command: nothing of the caller's.
  func environment(_ more: [String: String] = [:]) throws -> [String: String] {
    var all = [
      "PATH": try Place.searchPath(), "HOME": "\(path)/home", "TMPDIR": temporary,
      "LANG": "C.UTF-8",
      "TZ": "UTC", "NO_COLOR": "1", "LIFEBOAT_REPOSITORY": repository,
    ]
    switch way {
    case .passphrase: all["LIFEBOAT_PASSPHRASE_FILE"] = passphraseFile
    case .recoveryKey: all["LIFEBOAT_RECOVERY_KEY_FILE"] = recoveryKeyFile
    }
    for (name, value) in more { all[name] = value.isEmpty ? nil : value }
    return all
  }

  /// Starts the program; an empty value in `environment` removes the variable.
  func start(
    _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
    by wrapper: [String] = []
  ) throws -> Child {
    let words = wrapper + [Place.program] + arguments
    return try Child(
      words[0], Array(words.dropFirst()), environment: self.environment(environment), input: input)
  }

  /// Runs the program to its end; nothing temporary may be left afterwards.
  @discardableResult
  func lifeboat(
    _ arguments: String..., environment: [String: String] = [:], input: String? = nil,
    by wrapper: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Ending {
    let ending = try start(arguments, environment: environment, input: input, by: wrapper).finish()
    #expect(
      try files(beneath: temporary) == [], "\(ending.command)", sourceLocation: sourceLocation)
    return ending
  }

  /// Runs another program with the same surroundings.
  @discardableResult
  func run(_ path: String, _ arguments: String..., input: String? = nil) throws -> Ending {
    try Child(path, arguments, environment: environment(), input: input).finish()
  }

  /// Runs a comparer of the fixtures, and expects it to find nothing.
  func expectEqual(
    _ comparer: String, _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let ending = try Child(
      "\(Place.fixtures)/\(comparer)", arguments, environment: environment()
    ).finish()
    #expect(
      ending.status == 0 && ending.output.isEmpty, "\(ending.text.prefix(4000))\(ending.errors)",
      sourceLocation: sourceLocation)
  }

  // MARK: Refusals

  /// Runs a command that must be refused: exit status, words in the message, a hint, and nothing lost.
  @discardableResult
  func refused(
    _ arguments: String..., status: Int32 = 1, saying words: [String],
    environment: [String: String] = [:], by wrapper: [String] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Ending {
    let before = try snapshotFiles()
    let ending = try start(arguments, environment: environment, by: wrapper).finish()
    ending.expectRefusal(status, saying: words, sourceLocation: sourceLocation)
    #expect(try snapshotFiles() == before, sourceLocation: sourceLocation)
    #expect(try files(beneath: temporary) == [], sourceLocation: sourceLocation)
    return ending
  }
}

extension Ending {
  /// Expects an exit status, and shows what was said if it is another.
  @discardableResult
  func expect(_ wanted: Int32, sourceLocation: SourceLocation = #_sourceLocation) throws -> Ending {
    try #require(
      status == wanted,
      "\(command)\nended with \(status)\n\(errors.suffix(3000))\n\(text.suffix(3000))",
      sourceLocation: sourceLocation)
    return self
  }

  /// Expects a message that says what, why and what next: `error: what: why`, then `hint: next`.
  func expectRefusal(
    _ wanted: Int32, saying words: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let shown = Comment(rawValue: "\(command)\nended with \(status) and said:\n\(errors)")
    #expect(status == wanted, shown, sourceLocation: sourceLocation)
    #expect(output.isEmpty, shown, sourceLocation: sourceLocation)
    let lines = errors.split(separator: "\n").map(String.init)
    let error = lines.last { $0.hasPrefix("error: ") }
    #expect(error?.dropFirst(7).contains(": ") == true, shown, sourceLocation: sourceLocation)
    #expect(lines.last?.hasPrefix("hint: ") == true, shown, sourceLocation: sourceLocation)
    // What PostgreSQL said is quoted as it said it, line ends as " | ".
    let isForeign = error?.contains(" | ") == true
    #expect(isForeign || error?.hasSuffix(".") == false, shown, sourceLocation: sourceLocation)
    for word in words {
      #expect(
        errors.contains(word), "'\(word)' is not in: \(errors)", sourceLocation: sourceLocation)
    }
  }

  /// Standard output as JSON.
  func json(sourceLocation: SourceLocation = #_sourceLocation) throws -> JSON {
    do {
      return try JSONDecoder().decode(JSON.self, from: Data(output))
    } catch {
      throw Unexpected("no JSON from \(command): \(text.prefix(500))\n\(errors)")
    }
  }
}
